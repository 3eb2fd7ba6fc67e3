// The documentation of the API: the OpenAPI document, and a page made from it that loads nothing from anywhere else.
import * as v from 'valibot'
import { docsPage, docsStyle } from '../docs-page.ts'
import { type Route, reply, route } from '../route.ts'

const open = { method: 'GET', role: 'public', status: 200 } as const

/** Nothing runs on the page, and the one thing that it loads is its style, from here. */
const PAGE_POLICY =
  "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

export const docsRoutes: readonly Route[] = [
  route({
    ...open,
    path: '/docs',
    summary: 'Read this documentation',
    result: v.unknown(),
    handle: (_ask, { openApi }) =>
      reply(200, docsPage(openApi()), {
        'content-type': 'text/html; charset=utf-8',
        'content-security-policy': PAGE_POLICY,
      }),
  }),
  route({
    ...open,
    path: '/docs/style.css',
    summary: 'The look of this documentation',
    result: v.unknown(),
    handle: () => reply(200, docsStyle, { 'content-type': 'text/css; charset=utf-8' }),
  }),
  route({
    ...open,
    path: '/docs/openapi.json',
    summary: 'The OpenAPI document',
    result: v.record(v.string(), v.unknown()),
    handle: (_ask, { openApi }) => openApi(),
  }),
]
