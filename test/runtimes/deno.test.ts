import { startOnDeno } from '../support/api-runtimes.ts'
import { apiSuite } from './api.suite.ts'

apiSuite('Deno', startOnDeno)
