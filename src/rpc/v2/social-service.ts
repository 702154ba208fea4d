import { Boundary } from '../boundary.ts'
import type { Service } from '../engine/service.ts'
import { caller, type V2Context } from './caller.ts'
import type { V2Deps } from './deps.ts'
import { listProcedures } from './list-procedures.ts'
import { pairProcedures } from './pair-procedures.ts'
import { settingsProcedures } from './settings-procedures.ts'
import { unservedProcedures } from './unserved-procedures.ts'
import { updateProcedures } from './update-procedures.ts'

/** `SocialService` of protocol v2: its user is known by the socket. */
export function socialService(deps: V2Deps): Service<V2Context> {
  const boundary = new Boundary<V2Context>(deps.report, call => deps.limits.call(caller(call)))
  const procedures = [
    ...listProcedures(deps, boundary),
    ...pairProcedures(deps, boundary),
    ...settingsProcedures(deps, boundary),
    ...updateProcedures(deps, boundary),
    ...unservedProcedures(boundary)
  ]
  return { name: 'SocialService', procedures }
}
