import { attackSuite } from './attack.suite.ts'

attackSuite('process')
