-- The schema of a Breakwater cluster for PostgreSQL 13 or later. Applying it again changes nothing
-- but the functions, which it replaces. The nodes call the functions; they need no other right.
create schema if not exists breakwater;

create table if not exists breakwater.meta (
    one boolean primary key default true check (one),
    name text not null,
    -- Another one for each database that was made: seconds since 2026. One more with each restore.
    generation bigint not null
        default extract(epoch from clock_timestamp() - timestamptz '2026-01-01 00:00:00+00')::bigint,
    is_first boolean not null default true,
    since timestamptz not null default clock_timestamp(),
    keys text,
    fence_ms bigint
);
create table if not exists breakwater.node (
    id integer generated always as identity primary key,
    name text not null unique,
    instance text not null,
    version text not null,
    epoch bigint not null default 0,
    seen timestamptz not null default clock_timestamp(),
    state text not null default 'left',
    is_current boolean not null default false,
    lag bigint not null default 0,
    last_n bigint not null default 0
);
-- The highest number that it ever gave to a row. last_n: of those that purge has forgotten.
alter table breakwater.node add column if not exists wrote_n bigint not null default 0;
create table if not exists breakwater.own (
    shard integer primary key,
    node integer references breakwater.node,
    epoch bigint not null
);
create table if not exists breakwater.rec (
    k bytea primary key,
    origin integer not null references breakwater.node,
    n bigint not null,
    d bytea,
    at timestamptz not null,
    unique (origin, n)
);
insert into breakwater.own select 0, null, 0 where not exists (select from breakwater.own);

-- The lowest epoch of this generation.
create or replace function breakwater.floor() returns bigint language sql stable as
$$ select generation << 32 from breakwater.meta $$;

-- True if that node may write in that epoch; it then can until the transaction ends.
create or replace function breakwater.holds(me integer, e bigint) returns boolean
language plpgsql as $$
begin
    perform from breakwater.node where id = me and epoch = e and state = 'member' for share;
    return found;
end $$;

-- A node comes, or comes again over a new connection: it gets a new epoch, so nothing that it has
-- sent before can arrive any more.
create or replace function breakwater.join(cluster text, node_name text, inst text, ver text,
    fingerprint text, fence bigint, out what text, out id integer, out epoch bigint,
    out last_n bigint)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    m breakwater.meta;
    o breakwater.node;
begin
    select * into m from breakwater.meta for update;
    if not found or m.name <> cluster then
        what := 'cluster'; return;
    end if;
    if m.keys is null then
        update breakwater.meta set keys = fingerprint;
    elsif m.keys <> fingerprint then
        what := 'keys'; return;
    end if;
    if m.fence_ms <> fence and exists (select from breakwater.node n
            where n.name <> node_name and n.state = 'member'
            and n.seen > clock_timestamp() - m.fence_ms * interval '1 ms') then
        what := 'takeover'; return;
    end if;
    if m.fence_ms is distinct from fence then
        update breakwater.meta set fence_ms = fence;
    end if;
    insert into breakwater.node (name, instance, version) values (node_name, inst, ver)
        on conflict (name) do nothing;
    select * into o from breakwater.node n where n.name = node_name for update;
    if o.instance <> inst and o.state = 'member'
        and o.seen > clock_timestamp() - fence * interval '1 ms' then
        what := 'busy'; return;
    end if;
    if o.instance <> inst then
        update breakwater.own w set node = null, epoch = w.epoch + 1 where w.node = o.id;
    end if;
    update breakwater.node n set instance = inst, version = ver, state = 'member',
        is_current = false, seen = clock_timestamp(),
        epoch = greatest(n.epoch, breakwater.floor()) + 1 where n.id = o.id
        returning n.id, n.epoch into id, epoch;
    -- Not only of the rows that are there: the newest may be another node's by now.
    select greatest(o.wrote_n, o.last_n, coalesce(max(r.n), 0)) into last_n
        from breakwater.rec r where r.origin = o.id;
    what := 'joined';
end $$;

-- A heartbeat, and what the node has to know: rows of meta (0: generation, ms since it began, ms of
-- the clock, whether it is the first), node (1: id, epoch, ms of silence, whether it is a member,
-- is_current, name), own (2: shard, node, epoch) and node again (3: id, lag, state). No row: not a
-- member in that epoch.
create or replace function breakwater.beat(me integer, e bigint, current_now boolean, lag_now bigint)
returns table (kind integer, a bigint, b bigint, c bigint, x boolean, y boolean, t text)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    update breakwater.node set seen = clock_timestamp(), is_current = current_now, lag = lag_now
        where id = me and epoch = e and state = 'member';
    if not found then
        return;
    end if;
    return query select 0, m.generation,
        (extract(epoch from clock_timestamp() - m.since) * 1000)::bigint,
        (extract(epoch from clock_timestamp()) * 1000)::bigint, m.is_first, true, m.name
        from breakwater.meta m;
    return query select 1, n.id::bigint, n.epoch,
        greatest(0, (extract(epoch from clock_timestamp() - n.seen) * 1000)::bigint),
        n.state = 'member', n.is_current, n.name from breakwater.node n order by n.id;
    return query select 2, w.shard::bigint, coalesce(w.node, -1)::bigint, w.epoch, true, true, ''
        from breakwater.own w order by w.shard;
    return query select 3, n.id::bigint, n.lag, 0::bigint, true, true, n.state
        from breakwater.node n order by n.id;
end $$;

-- Node x is silent: it may not write any more, and its shards go to the node given. It may be no
-- member any more, or not yet: an owner that never came after a restore.
create or replace function breakwater.fence(me integer, e bigint, x integer, xe bigint,
    fence_ms bigint, heir integer) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if not breakwater.holds(me, e) then
        return false;
    end if;
    update breakwater.node set epoch = epoch + 1, state = 'fenced' where id = x and epoch = xe
        and (state = 'member' or exists (select from breakwater.own where node = x))
        and seen < clock_timestamp() - fence_ms * interval '1 ms';
    if found then
        update breakwater.own set node = heir, epoch = epoch + 1 where node = x;
        perform pg_notify('breakwater', 'own');
    end if;
    return true;
end $$;

create or replace function breakwater.take(me integer, e bigint, s integer) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if not breakwater.holds(me, e) then
        return false;
    end if;
    update breakwater.own set node = me, epoch = greatest(epoch, breakwater.floor()) + 1
        where shard = s and node is null;
    return true;
end $$;

-- To another node; null: to nobody.
create or replace function breakwater.hand(me integer, e bigint, s integer, oe bigint, heir integer)
returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if not breakwater.holds(me, e) then
        return false;
    end if;
    update breakwater.own set node = heir, epoch = epoch + 1
        where shard = s and node = me and epoch = oe;
    perform pg_notify('breakwater', 'own');
    return true;
end $$;

-- An owner stays a member, so that it is fenced in time: it may not know that it is one.
create or replace function breakwater.leave(me integer, e bigint) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    update breakwater.node set state = 'left', is_current = false
        where id = me and epoch = e and state = 'member'
        and not exists (select from breakwater.own where node = me);
    return found;
end $$;

-- The owner's rows: all of them, or none if it is not the owner in these epochs. The same key is
-- not named twice. A row without data is a removal.
create or replace function breakwater.put(me integer, e bigint, oe bigint, ks bytea[], ns bigint[],
    ds bytea[]) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if not breakwater.holds(me, e) then
        return false;
    end if;
    perform from breakwater.own where shard = 0 and node = me and epoch = oe for share;
    if not found then
        return false;
    end if;
    insert into breakwater.rec as r (k, origin, n, d, at)
        select u.k, me, u.n, u.d, clock_timestamp() from unnest(ks, ns, ds) as u (k, n, d)
        on conflict (k) do update set origin = excluded.origin, n = excluded.n, d = excluded.d,
            at = excluded.at;
    update breakwater.node set wrote_n = greatest(wrote_n, (select max(u.n) from unnest(ns) u (n)))
        where id = me;
    perform pg_notify('breakwater', '');
    return true;
end $$;

-- Forgets removals that are a week old. Who has not heard of one by then reads all anew.
create or replace function breakwater.purge(me integer, e bigint) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if not breakwater.holds(me, e) then
        return false;
    end if;
    with gone as (delete from breakwater.rec where d is null
            and at < clock_timestamp() - interval '7 days' returning origin, n),
        last as (select origin, max(n) as n from gone group by origin)
    update breakwater.node o set last_n = greatest(o.last_n, last.n) from last
        where o.id = last.origin;
    return true;
end $$;

-- What one node has written behind a position, in its order.
create or replace function breakwater.feed(from_node integer, after bigint, most integer)
returns table (k bytea, n bigint, d bytea)
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$ select r.k, r.n, r.d from breakwater.rec r where r.origin = from_node and r.n > after
   order by r.n limit most $$;

-- Each node that has written, what was forgotten of it, and the last that it wrote.
create or replace function breakwater.ends()
returns table (id integer, purged bigint, last bigint)
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$ select o.id, o.last_n, coalesce((select max(r.n) from breakwater.rec r where r.origin = o.id), 0)
   from breakwater.node o $$;

revoke all on schema breakwater from public;
revoke all on all functions in schema breakwater from public;
