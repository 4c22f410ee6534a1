"""The headers every answer carries. Constants only."""

from __future__ import annotations

_ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"vary", b"Origin"),
)
API_CSP = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; "
    b"form-action 'none'; frame-ancestors 'none'"
)
PAGE_CSP = (
    b"default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    b"img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; base-uri 'self'; form-action 'self'; "
    b"object-src 'none'; frame-ancestors 'none'"
)
"""What the page's framework needs: templates compiled in the browser, styles set on elements."""

API_HEADERS = (*_ALWAYS, (b"content-security-policy", API_CSP))
PAGE_HEADERS = (*_ALWAYS, (b"content-security-policy", PAGE_CSP))
