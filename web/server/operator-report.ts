/**
 * What auth_edge answers an operator, with names and e-mail addresses beside the users' ids. Nothing is shown of an
 * account unless auth_edge has answered: so it was an operator who asked, and the look is in AUDIT.
 */
import "server-only";

import type { Kysely } from "kysely";
import { NextRequest } from "next/server";

import { answerFromService } from "./answer-from-service";
import { getAuth } from "./auth";
import { accountsOf, accountState, findAccounts, type Page } from "./operator-accounts";
import { problem } from "./problem";
import { findUser } from "./session";
import { namesOf, withAccounts, type Body } from "./with-accounts";

const REPORTS = "/operator/reports";
const ONE_USER = /^\/users\/([^/]+)$/;
const WORDS_CHARACTERS_MAX = 200;

export async function answerReport(request: NextRequest): Promise<Response> {
  const { pathname, searchParams } = request.nextUrl;
  const path = pathname.slice(REPORTS.length);
  const words = path === "/users" ? (searchParams.get("q") ?? "").trim().slice(0, WORDS_CHARACTERS_MAX) : "";
  try {
    const { db } = getAuth().options.database;
    if (words !== "" && (await findUser(request.headers))?.isOperator) return await found(request, db, words);
    const answer = await ask(request, path, searchParams);
    const [, user] = ONE_USER.exec(path) ?? [];
    if (user !== undefined) return await withState(answer, db, decodeURIComponent(user));
    if (!answer.ok) return answer;
    const body = (await answer.json()) as Body;
    return shown(withAccounts(body, await accountsOf(db, namesOf(body))));
  } catch (error) {
    console.error(JSON.stringify({ event: "operator.unavailable", error: String(error) }));
    return problem("unavailable");
  }
}

/** Users by name, e-mail address or id, also those who have never written and whom the store does not know. */
async function found(request: NextRequest, db: Kysely<unknown>, words: string): Promise<Response> {
  const page: Page = await findAccounts(db, words, request.nextUrl.searchParams.get("after"));
  const ids = new Set([words, ...page.found.map((account) => account.user_id)]);
  const parameters = new URLSearchParams([...ids].map((id) => ["user_id", id]));
  parameters.set("limit", String(ids.size));
  const answer = await ask(request, "/users", parameters);
  if (!answer.ok) return answer;
  const { data = [] } = (await answer.json()) as Body;
  const known = new Map(data.map((row) => [row.user_id, row]));
  const accounts = page.found.map((account) => ({ ...known.get(account.user_id), ...account }));
  const others = data.filter((row) => !page.found.some((account) => account.user_id === row.user_id));
  return shown({ data: [...others, ...accounts], after: page.after });
}

/** One user: what the store has of them, and the state of their account. Either may be missing. */
async function withState(answer: Response, db: Kysely<unknown>, userId: string): Promise<Response> {
  if (!answer.ok && answer.status !== 404) return answer;
  const account = await accountState(db, userId);
  if (!answer.ok && account === null) return answer;
  const stored = answer.ok ? ((await answer.json()) as Body) : { user_id: userId };
  return shown({ ...stored, account });
}

function ask(request: NextRequest, path: string, parameters: URLSearchParams): Promise<Response> {
  const url = new URL(`/api/operator${path}`, request.url);
  url.search = parameters.toString();
  return answerFromService(new NextRequest(url, { headers: request.headers }), "auth_edge");
}

function shown(body: unknown): Response {
  return Response.json(body, { headers: { "cache-control": "no-store" } });
}
