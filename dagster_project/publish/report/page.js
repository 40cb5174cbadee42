// Sorting by a column, and a word when the page is old: the page is whole without it.
for (const table of document.querySelectorAll("table.data")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, place) => {
    const button = document.createElement("button");
    button.className = "sort"; button.type = "button"; button.textContent = "↕";
    button.setAttribute("aria-label", "sort by " + head.innerText);
    button.onclick = () => {
      const was = head.getAttribute("aria-sort"), up = was ? was === "descending" : !head.classList.contains("n");  // names from A, numbers from the largest
      heads.forEach(other => { other.removeAttribute("aria-sort"); other.querySelector(".sort").textContent = "↕"; });
      head.setAttribute("aria-sort", up ? "ascending" : "descending"); button.textContent = up ? "↑" : "↓";
      const value = row => { const cell = row.cells[place]; return cell.dataset.v === undefined ? cell.innerText : cell.dataset.v === "" ? -Infinity : +cell.dataset.v; };
      const rows = [...table.tBodies[0].rows].sort((a, b) => { const x = value(a), y = value(b); return (x > y) - (x < y); });
      table.tBodies[0].append(...(up ? rows : rows.reverse()));
    };
    head.insertBefore(button, head.querySelector(".unit"));
  });
}
const old = document.getElementById("old"), hours = (Date.now() - Date.parse(old.dataset.published + "Z")) / 36e5;
if (hours > 36) { old.hidden = false; old.textContent = "This page is " + Math.floor(hours / 24 + 0.5) + " days old: the run that should have replaced it did not."; }
