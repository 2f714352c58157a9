// HTML made of escaped text. Invariant: what is not Markup is escaped wherever it is put in.

const BRAND: unique symbol = Symbol('markup');

/** Text that is HTML already. Only `html` and `verbatim` make it. */
export interface Markup {
  readonly [BRAND]: true;
  readonly html: string;
}

export type MarkupPart = string | number | Markup | readonly Markup[];

/** A template whose values are escaped, unless they are Markup themselves; good for content and quoted attributes. */
export function html(strings: TemplateStringsArray, ...values: readonly MarkupPart[]): Markup {
  let text = strings[0] ?? '';
  for (const [i, value] of values.entries()) text += render(value) + (strings[i + 1] ?? '');
  return verbatim(text);
}

/** Text of our own that is HTML as it stands. Never for anything that came from outside. */
export function verbatim(text: string): Markup {
  return { [BRAND]: true, html: text };
}

function render(value: MarkupPart): string {
  if (typeof value === 'object') {
    return 'html' in value ? value.html : value.map((part) => part.html).join('');
  }
  return escapeHtml(String(value));
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}
