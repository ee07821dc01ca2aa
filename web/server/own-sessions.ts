/**
 * Where a user is signed in, and the end of one of these sessions. Better Auth's own `/list-sessions` hands out the
 * tokens of all sessions, and refuses who signed in more than a day ago; a page needs neither.
 */
import type { BetterAuthPlugin } from "better-auth";
import { APIError, createAuthEndpoint, sensitiveSessionMiddleware, sessionMiddleware } from "better-auth/api";

export const END_SESSION_PATH = "/end-session";

/** `userAgent` and `address` are what the browser and the proxy said when it began; neither is verified. */
export type OwnSession = Readonly<{
  id: string;
  isThisOne: boolean;
  userAgent: string | null;
  address: string | null;
  beganAt: Date;
  usedAt: Date;
}>;

export const ownSessions = {
  id: "own-sessions",
  endpoints: {
    /** The sessions that are alive, this one first, then the newest. */
    listOwnSessions: createAuthEndpoint("/sessions", { method: "GET", use: [sessionMiddleware] }, async (ctx) => {
      const { user, session: own } = ctx.context.session;
      const sessions = await ctx.context.internalAdapter.listSessions(user.id, { onlyActiveSessions: true });
      const listed: OwnSession[] = sessions
        .filter((session) => session.expiresAt > new Date())
        .map((session) => ({
          id: session.id,
          isThisOne: session.id === own.id,
          userAgent: session.userAgent || null,
          address: session.ipAddress || null,
          beganAt: session.createdAt,
          usedAt: session.updatedAt,
        }))
        .sort((one, other) => Number(other.isThisOne) - Number(one.isThisOne) || +other.usedAt - +one.usedAt);
      return ctx.json(listed);
    }),
    /** Ends one of the user's own sessions. 404 for any other id, also for one of somebody else. */
    endOwnSession: createAuthEndpoint(
      END_SESSION_PATH,
      { method: "POST", use: [sensitiveSessionMiddleware] },
      async (ctx) => {
        const { id } = (ctx.body ?? {}) as { id?: unknown };
        const sessions = await ctx.context.internalAdapter.listSessions(ctx.context.session.user.id);
        const ended = sessions.find((session) => session.id === id);
        if (ended === undefined) throw new APIError("NOT_FOUND", { code: "SESSION_GONE", message: "It has ended already." });
        await ctx.context.internalAdapter.deleteSession(ended.token);
        return ctx.json({ ended: true });
      },
    ),
  },
} satisfies BetterAuthPlugin;
