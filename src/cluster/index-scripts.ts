/**
 * What is done in Redis, each in one step, by Redis' own clock. All keys begin with "turnpike:":
 *
 *   nodes         sorted set: node ► when (ms) its lease ends        epoch      lives as long as somebody beats
 *   nodes:info    hash: node ► what the others need to know of it    settling   for one lease after an epoch has begun
 *   room:HASH     the node where a room lives                        rooms:NODE   set: the hashes of a node's rooms
 *
 * A room whose node has no lease is free. But an index that has begun anew (it was emptied, or nobody beat for a lease) knows of no room
 * yet: while it settles, until every node has had the time to publish its rooms again, nobody gets a new one.
 */

const PRELUDE = `
local P = 'turnpike:'
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local function lives(node)
  local untilMs = redis.call('ZSCORE', P .. 'nodes', node)
  return untilMs and tonumber(untilMs) > now
end
local function forget(node, room)
  if redis.call('GET', P .. 'room:' .. room) == node then redis.call('DEL', P .. 'room:' .. room) end
end
`;

/** Dead nodes and rooms of theirs that one beat forgets at most: no beat takes long. */
const DEAD_NODES = 4;
const DEAD_ROOMS = 500;

/** node, info, leaseMs, a new epoch ► epoch, 1 if the node's lease had ended, 1 while settling, then node and info of all that live. */
export const BEAT = `${PRELUDE}
local node, info, lease = ARGV[1], ARGV[2], tonumber(ARGV[3])
local epoch = redis.call('GET', P .. 'epoch')
if not epoch then
  epoch = ARGV[4]
  redis.call('SET', P .. 'settling', '1', 'PX', lease)
end
redis.call('SET', P .. 'epoch', epoch, 'PX', lease)
local ended = lives(node) and 0 or 1
redis.call('ZADD', P .. 'nodes', now + lease, node)
redis.call('HSET', P .. 'nodes:info', node, info)
for _, dead in ipairs(redis.call('ZRANGEBYSCORE', P .. 'nodes', '-inf', now, 'LIMIT', 0, ${DEAD_NODES})) do
  for _, room in ipairs(redis.call('SPOP', P .. 'rooms:' .. dead, ${DEAD_ROOMS})) do forget(dead, room) end
  if redis.call('EXISTS', P .. 'rooms:' .. dead) == 0 then
    redis.call('ZREM', P .. 'nodes', dead)
    redis.call('HDEL', P .. 'nodes:info', dead)
  end
end
local reply = { epoch, ended, redis.call('EXISTS', P .. 'settling') }
for _, one in ipairs(redis.call('ZRANGEBYSCORE', P .. 'nodes', '(' .. now, '+inf')) do
  reply[#reply + 1] = one
  reply[#reply + 1] = redis.call('HGET', P .. 'nodes:info', one) or ''
end
return reply`;

/** room, node, 1 if it may be made ► the node where it lives, "nowhere", or "unavailable". */
export const LOCATE = `${PRELUDE}
local room, node, mayMake = ARGV[1], ARGV[2], ARGV[3]
local home = redis.call('GET', P .. 'room:' .. room)
if home and home ~= node and lives(home) then return home end
if not lives(node) or redis.call('EXISTS', P .. 'epoch') == 0 then return 'unavailable' end
if home == node then return node end
if redis.call('EXISTS', P .. 'settling') == 1 then return 'unavailable' end
if mayMake ~= '1' then return 'nowhere' end
if home then redis.call('SREM', P .. 'rooms:' .. home, room) end
redis.call('SET', P .. 'room:' .. room, node)
redis.call('SADD', P .. 'rooms:' .. node, room)
return node`;

/** node, rooms… ► those of them that live at another node. */
export const PUBLISH = `${PRELUDE}
local node, lost = ARGV[1], {}
for i = 2, #ARGV do
  local room = ARGV[i]
  local home = redis.call('GET', P .. 'room:' .. room)
  if home and home ~= node and lives(home) then
    lost[#lost + 1] = room
  else
    if home and home ~= node then redis.call('SREM', P .. 'rooms:' .. home, room) end
    redis.call('SET', P .. 'room:' .. room, node)
    redis.call('SADD', P .. 'rooms:' .. node, room)
  end
end
return lost`;

/** node, rooms… */
export const RELEASE = `${PRELUDE}
for i = 2, #ARGV do
  forget(ARGV[1], ARGV[i])
  redis.call('SREM', P .. 'rooms:' .. ARGV[1], ARGV[i])
end
return 0`;

/** node ► what is published of it. */
export const ROOMS_OF = `return redis.call('SMEMBERS', 'turnpike:rooms:' .. ARGV[1])`;

/** node: it ends. */
export const LEAVE = `${PRELUDE}
local node = ARGV[1]
for _, room in ipairs(redis.call('SMEMBERS', P .. 'rooms:' .. node)) do forget(node, room) end
redis.call('DEL', P .. 'rooms:' .. node)
redis.call('ZREM', P .. 'nodes', node)
redis.call('HDEL', P .. 'nodes:info', node)
return 0`;
