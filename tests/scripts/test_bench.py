"""What `make bench` counts, against a count by hand (section 2.3 of the protocol)."""

import bench_tensorflow


def test_operations_are_those_counted_by_hand():
    first, second, pixels = 3 * 9 * 32, 32 * 9 * 32, 32 * 32
    products = first * pixels + second * pixels + 32_768 * 64 + 64 * 64 + 64
    assert bench_tensorflow.operations()["classifier"] == 2 * (3 * products - first * pixels)
    first = 3 * 9 * 32 * 16 * 16
    coder = first + 32 * 9 * 64 * 8 * 8 + 2 * 4096 * 2048 + 64 * 9 * 32 * 16 * 16 + 32 * 9 * 3 * pixels
    assert bench_tensorflow.operations()["autoencoder forward"] == 2 * coder
    assert bench_tensorflow.operations()["autoencoder"] == 2 * (3 * coder - first)
