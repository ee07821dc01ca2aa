import { expect, test } from "vitest";

import { checkInvitation, type Verifications } from "./invitations";

const TOKEN = "t".repeat(43);
const rows = new Map([
  [`invitation:${TOKEN}`, { value: "ada@example.org", expiresAt: new Date(Date.now() + 60_000) }],
  [`invitation:${"o".repeat(43)}`, { value: "ada@example.org", expiresAt: new Date(Date.now() - 1) }],
]);
const verifications: Verifications = {
  findVerificationValue: async (identifier) => rows.get(identifier) ?? null,
  deleteVerificationByIdentifier: async () => undefined,
};

test("an invitation is good for its own address, in any case of letters, until it ends", async () => {
  await checkInvitation(verifications, { email: "Ada@example.org", invitation: TOKEN });
  for (const [email, invitation] of [
    ["eve@example.org", TOKEN],
    ["ada@example.org", "o".repeat(43)],
    ["ada@example.org", undefined],
    ["ada@example.org", { toString: () => TOKEN }],
  ]) {
    await expect(checkInvitation(verifications, { email, invitation })).rejects.toMatchObject({
      body: { code: "INVITATION_NEEDED" },
    });
  }
});
