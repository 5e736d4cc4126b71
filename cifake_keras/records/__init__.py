"""What results/ holds, written and read: the one wall around its formats. Imports no TensorFlow."""
