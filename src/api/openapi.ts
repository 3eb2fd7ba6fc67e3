// The OpenAPI document, made from the same rows and schemas that check the requests.
import { type JsonSchema, toJsonSchema } from '@valibot/to-json-schema'
import * as v from 'valibot'
import { SendAt } from '../contract/job.ts'
import { Later } from './later.ts'
import type { ApiSettings, Route } from './route.ts'

type Json = Record<string, unknown>

/** What a client can put into it, or what it gets out; checks that JSON Schema has no word for are left out. */
function jsonSchema(schema: v.GenericSchema, typeMode: 'input' | 'output'): JsonSchema {
  const { $schema: _, ...rest } = toJsonSchema(schema, {
    target: 'draft-2020-12',
    typeMode,
    errorMode: 'ignore',
  })
  return rest
}

const parametersIn = (place: 'path' | 'query', schema: Route['params']): Json[] =>
  Object.entries(schema?.entries ?? {}).map(([name, entry]) => ({
    name,
    in: place,
    required: place === 'path',
    schema: jsonSchema(
      entry.type === 'optional'
        ? (entry as unknown as { wrapped: v.GenericSchema }).wrapped
        : (entry as v.GenericSchema),
      'input',
    ),
  }))

function requestBody(route: Route): Json | undefined {
  if (route.upload !== undefined)
    return {
      required: true,
      content: {
        'multipart/form-data': {
          schema: {
            type: 'object',
            required: [route.upload.field],
            properties: {
              [route.upload.field]: { type: 'string', contentMediaType: 'application/octet-stream' },
            },
          },
        },
      },
    }
  if (route.body === undefined) return undefined
  const schema: Json = { ...jsonSchema(route.body, 'input') }
  if (route.later) schema.properties = { ...(schema.properties as Json), sendAt: whenToSend }
  return { required: true, content: { 'application/json': { schema } } }
}

const whenToSend: Json = {
  description:
    'Send it then, in place of now: a date with its zone or epoch milliseconds, at most a year ahead. Answers 202.',
  ...jsonSchema(SendAt, 'input'),
}

const idempotencyKey: Json = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description: 'The same request with the same key is done once; the answer is then the first one.',
  schema: { type: 'string', minLength: 1, maxLength: 255 },
}

const problem = (description: string) => ({
  description,
  content: { 'application/json': { schema: { $ref: '#/components/schemas/Problem' } } },
})

function operation(route: Route): Json {
  const body = requestBody(route)
  const success =
    route.result === null
      ? { description: 'Done' }
      : {
          description: 'Success',
          content: { 'application/json': { schema: jsonSchema(route.result, 'output') } },
        }
  return {
    tags: [route.path.split('/')[1] ?? ''],
    summary: route.summary,
    description:
      route.role === 'public' ? 'No key needed.' : `Needs a key with the role ${route.role} or above.`,
    security: route.role === 'public' ? [] : [{ apiKey: [] }, { bearer: [] }],
    parameters: [
      ...parametersIn('path', route.params),
      ...parametersIn('query', route.query),
      ...(route.idempotent ? [idempotencyKey] : []),
    ],
    ...(body && { requestBody: body }),
    responses: {
      [route.status]: success,
      ...(route.later && {
        202: {
          description: 'Kept for later',
          content: { 'application/json': { schema: jsonSchema(Later, 'output') } },
        },
      }),
      ...(route.role !== 'public' && {
        401: problem('The key is missing, unknown, revoked or expired'),
        403: problem('The key may not do this'),
      }),
      default: problem('Any other failure'),
    },
  }
}

/** Made when it is first asked for, then kept. */
export function createOpenApi(deps: {
  routes: readonly Route[]
  settings: Pick<ApiSettings, 'version' | 'baseUrl'>
}): () => Json {
  let document: Json | undefined

  function build(): Json {
    const paths: Record<string, Json> = {}
    for (const route of deps.routes) {
      const path = `/api${route.path.replaceAll(/:(\w+)/g, '{$1}')}`
      paths[path] ??= {}
      paths[path][route.method.toLowerCase()] = operation(route)
    }
    return {
      openapi: '3.1.0',
      info: {
        title: 'Wharf',
        version: deps.settings.version,
        description: 'A self-hosted WhatsApp gateway.',
      },
      ...(deps.settings.baseUrl !== null && { servers: [{ url: deps.settings.baseUrl }] }),
      paths,
      components: {
        securitySchemes: {
          apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
          bearer: { type: 'http', scheme: 'bearer' },
        },
        schemas: { Problem: jsonSchema(Problem, 'output') },
      },
    }
  }

  return () => {
    document ??= build()
    return document
  }
}

/** The shape of every failure (problem.ts). */
const Problem = v.object({
  statusCode: v.number(),
  message: v.union([v.string(), v.array(v.string())]),
  error: v.optional(v.string()),
  code: v.optional(v.string()),
})
