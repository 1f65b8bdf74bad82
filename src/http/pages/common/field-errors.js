import { byId, element } from './element.js';

/** Shows an error below its field, and focuses the field. `parts`: the sentence and further content. */
export function showAtField(field, ...parts) {
  const id = `${field.id}-error`;
  const text = byId(id) ?? element('p', { id, className: 'answer refused field-error' });
  text.replaceChildren(...parts);
  (field.closest('.row') ?? field.closest('.field, .actions')).after(text);
  field.setAttribute('aria-invalid', 'true');
  field.setAttribute('aria-describedby', id);
  field.focus();
  // Scrolls to the sentence, so that the field above is visible too.
  text.scrollIntoView({ block: 'nearest' });
  field.addEventListener('input', () => clear(field), { once: true });
}

/** Removes earlier errors from the form's fields. */
export function clearFields(form) {
  for (const field of form.querySelectorAll('[aria-invalid]')) clear(field);
}

function clear(field) {
  byId(`${field.id}-error`)?.remove();
  field.removeAttribute('aria-invalid');
  field.removeAttribute('aria-describedby');
}
