import { expect, test } from "vitest";

import { statementsOf } from "./migrate";

test("of the migrations all but the schema is carried out, which is made before", () => {
  const compiled = 'create schema if not exists "auth";\n\ncreate table "auth"."a" ("id" text);\n\nalter table "auth"."b" add "c" text;';
  expect(statementsOf(compiled)).toEqual(['create table "auth"."a" ("id" text)', 'alter table "auth"."b" add "c" text']);
  expect(statementsOf(";")).toEqual([]);
});
