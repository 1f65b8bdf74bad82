import { byId, element } from '../common/element.js';

/** Puts a refusal below the field it is about, and the cursor into the field. `parts`: the sentence, and what follows it. */
export function showAtField(field, ...parts) {
  const id = `${field.id}-error`;
  const text = byId(id) ?? element('p', { id, className: 'answer refused field-error' });
  text.replaceChildren(...parts);
  (field.closest('.row') ?? field.closest('.field, .actions')).after(text);
  field.setAttribute('aria-invalid', 'true');
  field.setAttribute('aria-describedby', id);
  field.focus();
  // The sentence is what is to be seen, and the field is above it.
  text.scrollIntoView({ block: 'nearest' });
  field.addEventListener('input', () => clear(field), { once: true });
}

/** Takes away what an earlier answer said of the form's fields. */
export function clearFields(form) {
  for (const field of form.querySelectorAll('[aria-invalid]')) clear(field);
}

function clear(field) {
  byId(`${field.id}-error`)?.remove();
  field.removeAttribute('aria-invalid');
  field.removeAttribute('aria-describedby');
}
