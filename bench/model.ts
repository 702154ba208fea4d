import { parseArgs } from 'node:util'
import { MIX } from './model/demand.ts'
import { bytesTable, costsTable, fullTable, mixTable, needsTable, type Question } from './model/report.ts'

/*
 * What so many users need, by what was measured of each thing they do: `npm run model`. See docs/scaling.md.
 */

const USAGE = `npm run model -- [options]
  --users A,B       users in all (1000000,10000000,50000000)
  --online PART     the part of them who are online at the busiest hour (0.1)
  --mix A=N,B=N     what they do and have, in place of the default: ${Object.keys(MIX).join(', ')}
  --coefficients    print what it takes for granted, too`

process.exitCode = main()

function main(): number {
  let question: Question & { readonly showsCoefficients: boolean }
  try {
    question = readQuestion(process.argv.slice(2))
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${USAGE}`)
    return 2
  }
  const tables = [needsTable(question), fullTable(question)]
  if (question.showsCoefficients) tables.push(mixTable(question.mix), costsTable(), bytesTable())
  console.log(tables.join('\n\n'))
  return 0
}

/** @throws Error for what is not an option, or not a number */
function readQuestion(args: readonly string[]) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      users: { type: 'string', default: '1000000,10000000,50000000' },
      online: { type: 'string', default: '0.1' },
      mix: { type: 'string', default: '' },
      coefficients: { type: 'boolean', default: false }
    }
  })
  const changes = values.mix
    .split(',')
    .filter(change => change !== '')
    .map(change => {
      const [name = '', value = ''] = change.split('=')
      if (!(name in MIX)) throw new Error(`--mix knows no ${name}`)
      return [name, numberOf(`--mix ${name}`, value)] as const
    })
  const online = numberOf('--online', values.online)
  if (online > 1) throw new Error('--online is a part of all users: 1 at most')
  const users = values.users.split(',').map(text => numberOf('--users', text))
  return { users, online, mix: { ...MIX, ...Object.fromEntries(changes) }, showsCoefficients: values.coefficients }
}

function numberOf(name: string, text: string): number {
  const number = Number(text)
  if (text === '' || !(number >= 0)) throw new Error(`${name} must be a number`)
  return number
}
