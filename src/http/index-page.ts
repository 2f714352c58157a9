// The document at `/`: the built page for a browser that runs it, the landing page for everybody else.
// Invariant: the document holds no script and no style of its own, so that the policy can forbid both.

import { createHash } from 'node:crypto';
import { html } from '../report/markup.ts';
import type { HttpServices } from './http-services.ts';
import { documentHead, type LandingServices, landingBody, landingPage } from './landing-page.ts';
import { LANDING_STYLE_PATH } from './landing-style.ts';
import { type Answer, HTML, headerText } from './response.ts';
import type { HttpRequest } from './router.ts';

const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
  "form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

export function index(request: HttpRequest, services: LandingServices & Pick<HttpServices, 'page'>): Answer {
  const { page } = services;
  if (page === null) return landingPage(services);
  const document = html`<!doctype html>
<html lang="en">
<head>
${documentHead()}
<link rel="stylesheet" href="${page.style}">
<script type="module" src="${page.script}"></script>
<noscript><link rel="stylesheet" href="${LANDING_STYLE_PATH}"></noscript>
</head>
<body>
<div id="page"></div>
<noscript>
${landingBody(services, html``)}
</noscript>
</body>
</html>
`;
  const tag = `"${createHash('sha256').update(document.html).digest('base64url').slice(0, 22)}"`;
  const headers = { 'Content-Security-Policy': POLICY, 'Cache-Control': 'no-cache', ETag: tag };
  const known = headerText(request.headers['if-none-match']) ?? '';
  if (known.split(',').some((one) => one.trim().replace(/^W\//, '') === tag)) {
    return { status: 304, type: HTML, body: Buffer.alloc(0), headers };
  }
  return { status: 200, type: HTML, body: document.html, headers };
}
