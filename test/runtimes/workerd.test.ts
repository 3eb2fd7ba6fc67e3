import { startOnWorkerd } from '../support/api-runtimes.ts'
import { apiSuite } from './api.suite.ts'

apiSuite('workerd', startOnWorkerd)
