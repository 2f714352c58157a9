import assert from 'node:assert/strict';
import { test } from 'node:test';
import { html, verbatim } from './markup.ts';

test('html`` escapes values and leaves markup as it is', () => {
  const evil = `<script>"&'`;
  assert.equal(
    html`<a title="${evil}">${evil}</a>`.html,
    '<a title="&lt;script&gt;&quot;&amp;&#39;">&lt;script&gt;&quot;&amp;&#39;</a>',
  );
  assert.equal(html`${[html`<b>${1}</b>`, html`<i>${'<'}</i>`]}`.html, '<b>1</b><i>&lt;</i>');
  assert.equal(html`${verbatim('<hr>')}`.html, '<hr>');
});
