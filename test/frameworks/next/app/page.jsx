import { getSession } from '../session'

/** A component only reads. */
export default async function Page() {
  const { data } = await getSession()
  return <p>{`user:${data.user ?? 'nobody'}`}</p>
}
