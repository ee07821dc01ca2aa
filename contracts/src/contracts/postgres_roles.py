"""Who may do what in Postgres: the roles of one Natter, and the script that makes them (docs/adr/0039, 0046).

The owner has the tables of `chat` and migrates them. The store reads and writes their rows, and can change neither
tables nor policies. The web app has the schema `auth`, and nothing else. Whoever runs the script is a superuser who is
none of these, as under `natter up` and in Compose, or the owner, where a Postgres of somebody's own has no other.
"""

from typing import Final

OWNER: Final = "natter"
"""Of `natter up`. Compose's is `natter_owner`: there `natter` is the image's superuser, and cannot cease to be one."""
STORE: Final = "natter_store"
WEB: Final = "natter_web"
PARAMETERS: Final = ("owner", "owner_password", "store", "store_password", "web", "web_password")
"""Settings `natter.…` of the session, text each. An empty owner is whoever runs the script. A role with an empty
password is there already and stays as it is. Roles of the same name are one: what one may, so may the other."""

SCRIPT: Final = r"""
do $script$
declare
    owner constant text := coalesce(nullif(current_setting('natter.owner'), ''), current_user);
    store constant text := current_setting('natter.store');
    web constant text := current_setting('natter.web');
    is_owner constant boolean := owner = current_user;
    options constant text := case when current_setting('server_version_num')::int >= 160000
        then 'with inherit true, set true' else '' end;
    wanted record;
    thing record;
begin
    perform pg_advisory_xact_lock(5273911009);
    for wanted in select * from (values
        (owner, current_setting('natter.owner_password')),
        (store, current_setting('natter.store_password')),
        (web, current_setting('natter.web_password'))) as role (name, password) where password <> ''
    loop
        if not exists (select from pg_roles where rolname = wanted.name) then
            execute format('create role %I', wanted.name);
        end if;
        execute format('alter role %I login password %L', wanted.name, wanted.password);
    end loop;
    if store <> owner and (select rolsuper or rolbypassrls from pg_roles where rolname = store) then
        raise insufficient_privilege using message = format('role %I is exempt from row-level security', store);
    end if;

    if not is_owner then
        -- Of the search (docs/adr/0034). An owner who may make it does so in the migration.
        if not exists (select from pg_roles where rolname = 'natter_search') then
            create role natter_search nologin bypassrls;
        end if;
        execute format('grant natter_search to %I', owner);
        execute format('grant create, temporary on database %I to %I', current_database(), owner);
    end if;

    if to_regnamespace('chat') is not null then
        if not is_owner then
            -- What is there from a time when one role was everybody.
            execute format('alter schema chat owner to %I', owner);
            for thing in
                select format('table %s', c.oid::regclass) as name from pg_class c
                where c.relnamespace = 'chat'::regnamespace and c.relkind in ('r', 'p')
                    and c.relowner <> owner::regrole
                union all select format('function %s', p.oid::regprocedure) from pg_proc p
                where p.pronamespace = 'chat'::regnamespace
                    and p.proowner not in (owner::regrole, 'natter_search'::regrole)
                union all select format('statistics chat.%I', s.stxname) from pg_statistic_ext s
                where s.stxnamespace = 'chat'::regnamespace and s.stxowner <> owner::regrole
            loop
                execute format('alter %s owner to %I', thing.name, owner);
            end loop;
        end if;
        if store <> owner then
            execute format('grant usage on schema chat to %I', store);
            execute format('grant select, insert, update, delete on all tables in schema chat to %I', store);
            execute format('alter default privileges for role %I in schema chat'
                ' grant select, insert, update, delete on tables to %I', owner, store);
            if to_regclass('chat.alembic_version') is not null then
                execute format('revoke all on chat.alembic_version from %I', store);
            end if;
        end if;
    end if;

    if web = owner then
        return;
    end if;
    if is_owner and current_setting('natter.web_password') = '' then
        -- A role that is there, and that this one may not become: it gets what it needs without owning it.
        create schema if not exists auth;
        execute format('grant usage, create on schema auth to %I', web);
        execute format('grant all on all tables in schema auth to %I', web);
        return;
    end if;
    if is_owner then
        execute format('grant %I to %I %s', web, owner, options);
    end if;
    if to_regnamespace('auth') is null then
        execute format('create schema auth authorization %I', web);
    elsif (select nspowner from pg_namespace where nspname = 'auth') <> web::regrole then
        -- The new owner of a schema must be able to make one, for this moment.
        execute format('grant create on database %I to %I', current_database(), web);
        execute format('alter schema auth owner to %I', web);
        execute format('revoke create on database %I from %I', current_database(), web);
    end if;
    for thing in select c.oid::regclass as name from pg_class c
        where c.relnamespace = 'auth'::regnamespace and c.relkind in ('r', 'p', 'v', 'm')
            and c.relowner <> web::regrole
    loop
        execute format('alter table %s owner to %I', thing.name, web);
    end loop;
end $script$
"""
