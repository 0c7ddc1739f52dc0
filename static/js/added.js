// [data-added-today]: who was added to the order is hidden while the field Order has another text than the page came with.

export function startAdded(root) {
  const part = root.querySelector("[data-added-today]");
  const field = root.querySelector("#id_order_ref");
  if (!part || !field) return;
  const update = () => {
    part.hidden = plain(field.value) !== plain(field.defaultValue);
  };
  field.addEventListener("input", update);
  update(); // the browser may have restored another text
}

function plain(text) {
  return text.trim().toLowerCase();
}
