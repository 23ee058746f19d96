import { getSession } from '../../session'

export async function POST() {
  const session = await getSession()
  await session.destroy()
  return new Response('out')
}
