// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are texts that must mean nothing.
import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { fillIn, renderTemplate, SendTemplate, TemplateVars } from './template.ts'

describe('filling in', () => {
  it.each([
    ['Hi {{name}}!', { name: 'Ada' }, 'Hi Ada!'],
    ['{{ name }} {{name}}', { name: 'Ada' }, 'Ada Ada'],
    ['{{a.b}} {{a-b}} {{a_b}}', { 'a.b': '1', 'a-b': '2', a_b: '3' }, '1 2 3'],
    ['{{name}} {{lack}}', { name: 'Ada' }, 'Ada {{lack}}'],
    ['{{a}}', { a: '{{b}}', b: 'x' }, '{{b}}'],
    ['{{a}}', { a: '$& $1 $$' }, '$& $1 $$'],
    ['{{a}}', { a: '' }, ''],
    // Only own keys, and nothing in a text is a program.
    ['{{constructor}} {{__proto__}} {{toString}}', {}, '{{constructor}} {{__proto__}} {{toString}}'],
    [
      "{{constructor.constructor('x')()}} ${x} %n {{#if a}}",
      { a: '1' },
      "{{constructor.constructor('x')()}} ${x} %n {{#if a}}",
    ],
    ['{name} {{{name}}} {{name}', { name: 'x' }, '{name} {x} {{name}'],
  ] as const)('%j with %j', (text, vars, expected) => expect(fillIn(text, vars)).toBe(expected))

  it('takes no longer for a hostile text', () => {
    const text = `${'{{ '.repeat(100_000)}`
    expect(fillIn(text, { a: 'x' })).toBe(text)
  })
})

describe('a template', () => {
  it.each([
    [{ header: null, body: 'b {{x}}', footer: null }, 'b 1'],
    [{ header: 'h {{x}}', body: 'b', footer: 'f {{x}}' }, 'h 1\n\nb\n\nf 1'],
    [{ header: null, body: 'b', footer: 'f' }, 'b\n\nf'],
  ])('%j', (template, expected) => expect(renderTemplate(template, { x: '1' })).toBe(expected))

  it.each([
    [{ templateName: 'a' }, true],
    [{ templateId: '11111111-1111-4111-8111-111111111111' }, true],
    [{}, false],
    [{ templateName: 'a', templateId: '11111111-1111-4111-8111-111111111111' }, false],
    [{ templateName: 'a', quotedMessageId: 'x' }, false],
    [{ templateName: 'a', vars: { n: 1 } }, false],
  ])('is asked for as %j: %s', (more, expected) =>
    expect(v.is(SendTemplate, { chatId: '15550000001@c.us', ...more })).toBe(expected),
  )

  it('gets no more values than a person would give', () => {
    const many = Object.fromEntries(Array.from({ length: 101 }, (_, index) => [`v${index}`, 'x']))
    expect(v.is(TemplateVars, many)).toBe(false)
    expect(v.is(TemplateVars, { 'a b': 'x' })).toBe(false)
    expect(v.is(TemplateVars, { a: 'x'.repeat(4_097) })).toBe(false)
  })
})
