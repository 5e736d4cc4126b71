// Without JavaScript all is there to read: this adds sorting by a column, and figures in full size.

const DASH = "\u2013";

// By the numbers that they begin with, then by their text. What is empty stays last, whichever way.
function compare(a, b, direction) {
  if (a === DASH || b === DASH) return (a === DASH) - (b === DASH);
  const [x, y] = [a, b].map((text) => (/^[-+]?\d/.test(text) ? parseFloat(text.replaceAll(",", "")) : NaN));
  return direction * (isNaN(x) - isNaN(y) || (isNaN(x) ? a.localeCompare(b, "en") : x - y));
}

// Up, down, and as it was.
const NEXT = { none: "ascending", ascending: "descending", descending: "none" };

function sort(heading, body, rows) {
  const order = NEXT[heading.ariaSort ?? "none"];
  for (const other of heading.parentNode.cells) other.ariaSort = null;
  if (order !== "none") heading.ariaSort = order;
  const direction = { ascending: 1, descending: -1, none: 0 }[order];
  const text = (row) => row.cells[heading.cellIndex].textContent;
  body.append(...(direction ? rows.toSorted((a, b) => compare(text(a), text(b), direction)) : rows));
}

for (const table of document.querySelectorAll("table")) {
  const rows = Array.from(table.tBodies[0].rows);
  for (const heading of table.tHead.rows[0].cells) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    button.onclick = () => sort(heading, table.tBodies[0], rows);
    heading.append(button);
  }
}

const dialog = document.querySelector("dialog");
for (const image of document.querySelectorAll("img.opens")) {
  const button = document.createElement("button");
  button.type = "button";
  button.title = "Open in full size";
  image.replaceWith(button);
  button.append(image);
  button.onclick = () => {
    dialog.querySelector("img").src = image.src;
    dialog.querySelector("img").alt = image.alt;
    dialog.showModal();
  };
}
