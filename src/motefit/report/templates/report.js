"use strict";
(() => {
  // tables: a button in each heading sorts. Only the rows near those in sight are laid out, more as
  // one scrolls; without this script all are there, best first.
  const NUMBER = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?(%|[a-zA-Z°]*)$/i, PAGE = 24;
  const key = (row, column) => {
    const text = row.cells[column].textContent.trim();
    const plain = text.replace(/\s/g, "");
    return plain === "" ? null : NUMBER.test(plain) ? parseFloat(plain) : text;
  };
  const order = (a, b) =>
    a === b ? 0 : a === null ? 1 : b === null ? -1
      : typeof a === typeof b ? (a < b ? -1 : 1) : typeof a === "number" ? -1 : 1;
  const reveals = new Map();  // what brings a row into sight, by the row's id
  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0];
    const box = table.closest(".scroll"), keys = new Map();
    let rows = [...body.rows], shown = 0;
    const show = (count) => {
      if (count > shown) body.append(...rows.slice(shown, count));
      shown = Math.max(shown, count);
    };
    const restart = () => {
      body.replaceChildren();
      shown = 0;
      show(PAGE);
      box.scrollTop = 0;
    };
    box.addEventListener("scroll", () => {
      if (box.scrollTop + 2 * box.clientHeight > box.scrollHeight) show(shown + PAGE);
    });
    for (const row of rows)
      reveals.set(row.id, () => {
        show(rows.indexOf(row) + PAGE / 2);
        return row;
      });
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        if (!keys.has(column)) keys.set(column, new Map(rows.map((row) => [row, key(row, column)])));
        const own = keys.get(column);
        rows = rows
          .map((row) => [own.get(row), row])
          .sort(([a], [b]) => (a === null || b === null || !down ? order(a, b) : order(b, a)))
          .map(([, row]) => row);
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        restart();
      });
    });
    restart();
  }
  // the chart of candidates: a point shows its row, a row its point
  const points = new Map();
  for (const point of document.querySelectorAll(".pareto [data-row]"))
    points.set(`c${point.dataset.row}`, point);
  let marked = [];
  const mark = (id) => {
    const row = reveals.get(id)?.();
    marked.forEach((element) => element.classList.remove("marked"));
    marked = [points.get(id), row].filter(Boolean);
    marked.forEach((element) => element.classList.add("marked"));
    return row;
  };
  for (const [id, point] of points)
    point.addEventListener("click", () => mark(id)?.scrollIntoView({ block: "nearest" }));
  document.getElementById("candidates-table")?.tBodies[0].addEventListener("pointerover", (event) => {
    const row = event.target.closest("tr");
    if (row) mark(row.id);
  });
  // commands and settings: a button copies them
  for (const block of document.querySelectorAll(".copy")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copies";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      const text = block.querySelector("code").textContent;
      try {
        await navigator.clipboard.writeText(text);
      } catch {
        const range = document.createRange();
        range.selectNodeContents(block.querySelector("code"));
        getSelection().removeAllRanges();
        getSelection().addRange(range);
        document.execCommand("copy");
      }
      button.textContent = "Copied";
      setTimeout(() => (button.textContent = "Copy"), 1500);
    });
    block.append(button);
  }
})();
