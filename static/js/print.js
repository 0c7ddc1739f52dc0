// [data-print]: prints the page. Without script the browser's own menu does.
export function startPrinting(root) {
  for (const button of root.querySelectorAll("[data-print]")) {
    button.classList.remove("needs-script");
    button.addEventListener("click", () => print());
  }
}
