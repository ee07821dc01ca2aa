/** The reports of the operator's pages: those of auth_edge, with the names of accounts. */
export { answerReport as GET } from "@/server/operator-report";

export const dynamic = "force-dynamic";
