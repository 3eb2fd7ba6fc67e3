import { startOnNode } from '../support/api-runtimes.ts'
import { apiSuite } from './api.suite.ts'

apiSuite('Node', startOnNode)
