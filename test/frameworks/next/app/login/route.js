import { getSession } from '../../session'

export async function POST() {
  const session = await getSession()
  session.data.user = 'alice'
  await session.renew()
  return new Response('in')
}
