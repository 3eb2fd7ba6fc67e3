// The OpenAPI document as a page for people. Plain HTML, so that it needs no script and reads well in any browser.

const escapes: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}
const html = (text: unknown) => String(text).replace(/[&<>"']/g, character => escapes[character]!)

const json = (value: unknown) => `<pre>${html(JSON.stringify(value, null, 2))}</pre>`

interface Operation {
  tags: string[]
  summary: string
  description: string
  parameters: { name: string; in: string; schema: unknown }[]
  requestBody?: { content: Record<string, { schema: unknown }> }
  responses: Record<string, { description: string; content?: Record<string, { schema: unknown }> }>
}

/** The document is ours (openapi.ts), so its shape is known. */
interface OpenApi {
  info: { title: string; version: string; description: string }
  paths: Record<string, Record<string, Operation>>
}

function operation(path: string, method: string, spec: Operation): string {
  const parameters = spec.parameters.map(
    ({ name, in: place, schema }) =>
      `<tr><td><code>${html(name)}</code></td><td>${html(place)}</td><td>${json(schema)}</td></tr>`,
  )
  const contents = (content: Record<string, { schema: unknown }> = {}) =>
    Object.entries(content).map(([type, { schema }]) => `<p>${html(type)}</p>${json(schema)}`)
  const success = Object.entries(spec.responses).filter(([status]) => status.startsWith('2'))
  return `<details>
<summary><code class="method ${html(method)}">${html(method.toUpperCase())}</code> <code>${html(path)}</code> ${html(spec.summary)}</summary>
<p>${html(spec.description)}</p>
${parameters.length > 0 ? `<table>${parameters.join('')}</table>` : ''}
${spec.requestBody ? `<h3>Body</h3>${contents(spec.requestBody.content).join('')}` : ''}
${success.map(([status, answer]) => `<h3>${html(status)} ${html(answer.description)}</h3>${contents(answer.content).join('')}`).join('')}
</details>`
}

export function docsPage(document: Record<string, unknown>): string {
  const { info, paths } = document as unknown as OpenApi
  const groups = new Map<string, string[]>()
  for (const [path, methods] of Object.entries(paths))
    for (const [method, spec] of Object.entries(methods)) {
      const group = spec.tags[0] ?? ''
      groups.set(group, [...(groups.get(group) ?? []), operation(path, method, spec)])
    }
  const sections = [...groups].map(
    ([name, items]) => `<section><h2>${html(name)}</h2>${items.join('')}</section>`,
  )
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${html(info.title)} API</title>
<link rel="stylesheet" href="docs/style.css">
</head>
<body>
<h1>${html(info.title)} API</h1>
<p>${html(info.description)} Send your key as <code>X-API-Key</code>. For programs: <a href="docs/openapi.json">openapi.json</a>.</p>
${sections.join('\n')}
</body>
</html>
`
}

export const docsStyle = `:root { color-scheme: light dark; font-family: system-ui, sans-serif; line-height: 1.45 }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
details { border: 1px solid #8884; border-radius: 6px; margin: .4rem 0; padding: .4rem .8rem }
summary { cursor: pointer }
.method { display: inline-block; min-width: 4.5rem; font-weight: 700 }
.get { color: #1a7f37 } .post { color: #0969da } .put, .patch { color: #9a6700 } .delete { color: #cf222e }
pre { overflow: auto; background: #8881; padding: .6rem; border-radius: 6px; font-size: .85rem }
table { border-collapse: collapse; width: 100% } td { vertical-align: top; padding: .2rem .6rem }
`
