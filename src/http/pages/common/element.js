/** Creates an element. Properties are assigned; children are elements or text, and text is never parsed as markup. */
export function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/** The page's element with this id. */
export const byId = (id) => document.getElementById(id);
