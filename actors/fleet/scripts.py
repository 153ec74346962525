"""What the server does in one go, so that nothing comes in between: Lua, for Valkey and Redis from 7.0 on.

All may run when there is no more memory, but for the one that appends: a healthy leader keeps its title.
"""

from typing import Final

__all__ = ["BEAT", "CLAIM", "LEAVE", "NAME", "OPEN", "REACH", "RELEASE", "SAVE", "TAKE"]

_HEAD: Final = "#!lua flags=allow-oom\n"

# KEYS: lead. ARGV: the term and the beat that were seen ("" for no title), owner, name, floor, random, a new log's id,
# whether the log is a new one, format, the taker's clock (ns), the exchange's format for a log that has none. The term
# is never used again: it is above all that the taker has seen, in the title and in the log; above the server's clock,
# for a server that lost what it had; and random, for one whose clock is wrong. Doubles hold it until the year 2248. To
# whom the title was promised may take it whatever the beat is. Answers {1, term, log, exchange's format}, or {0}.
TAKE: Final = (
    _HEAD
    + """
local lead = redis.call('HMGET', KEYS[1], 'term', 'beat', 'log', 'heir', 'messages')
if (lead[1] or '') ~= ARGV[1] or ((lead[2] or '') ~= ARGV[2] and lead[4] ~= ARGV[3]) then return {0} end
local now = redis.call('TIME')
local clock = (tonumber(now[1]) * 1000 + math.floor(tonumber(now[2]) / 1000)) * 1024
local term = math.max(tonumber(lead[1] or '0') + 1, tonumber(ARGV[5]) + 1, clock) + tonumber(ARGV[6])
local text = string.format('%.0f', term)
local log = lead[3]
if not log or ARGV[8] == '1' then log = ARGV[7] end
local messages = lead[5] or ARGV[11]
redis.call('HSET', KEYS[1], 'term', text, 'beat', '1', 'owner', ARGV[3], 'name', ARGV[4], 'log', log,
  'format', ARGV[9], 'wall', ARGV[10], 'messages', messages, 'groups', '1', 'shards', '1')
redis.call('HDEL', KEYS[1], 'leaving', 'heir')
return {1, text, log, messages}
"""
)

# KEYS: a log. ARGV: the term, and the head of its first entry, which the id of the last before it completes.
# Answers {1, last} if it is open, {0, last} if something above this term is there.
OPEN: Final = """#!lua
local last = '0-0'
if redis.call('EXISTS', KEYS[1]) == 1 then
  local info = redis.call('XINFO', 'STREAM', KEYS[1])
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then last = info[i + 1] end
  end
end
if string.sub(last, 1, #ARGV[1] + 1) == ARGV[1] .. '-' then return {1, last} end
local body = ARGV[2] .. string.char(217, #last) .. last
local added = redis.pcall('XADD', KEYS[1], ARGV[1] .. '-0', 's', body)
if type(added) == 'table' and added.err then
  if string.find(added.err, 'equal or smaller', 1, true) then return {0, last} end
  return added
end
return {1, last}
"""

# KEYS: lead. ARGV: term, owner, the leader's clock (ns). Answers {1, beat}, or {0} if that is not the title.
BEAT: Final = (
    _HEAD
    + """
local lead = redis.call('HMGET', KEYS[1], 'term', 'owner')
if lead[1] ~= ARGV[1] or lead[2] ~= ARGV[2] then return {0} end
redis.call('HSET', KEYS[1], 'wall', ARGV[3])
return {1, redis.call('HINCRBY', KEYS[1], 'beat', 1)}
"""
)

# KEYS: lead. ARGV: term, owner. Lays the title down.
RELEASE: Final = (
    _HEAD
    + """
local lead = redis.call('HMGET', KEYS[1], 'term', 'owner')
if lead[1] ~= ARGV[1] or lead[2] ~= ARGV[2] then return {0} end
redis.call('HSET', KEYS[1], 'owner', '')
redis.call('HDEL', KEYS[1], 'leaving', 'heir')
return {1}
"""
)

# KEYS: lead. ARGV: term, owner. Says that who leads would leave, and leads until another has taken the title.
LEAVE: Final = (
    _HEAD
    + """
local lead = redis.call('HMGET', KEYS[1], 'term', 'owner')
if lead[1] ~= ARGV[1] or lead[2] ~= ARGV[2] then return {0} end
redis.call('HSET', KEYS[1], 'leaving', '1')
redis.call('HDEL', KEYS[1], 'heir')
return {1}
"""
)

# KEYS: lead. ARGV: term, the machine that would lead next. The title is promised to the first that asks.
CLAIM: Final = (
    _HEAD
    + """
local lead = redis.call('HMGET', KEYS[1], 'term', 'leaving', 'heir')
if lead[1] ~= ARGV[1] or lead[2] ~= '1' or (lead[3] and lead[3] ~= ARGV[2]) then return {0} end
redis.call('HSET', KEYS[1], 'heir', ARGV[2])
return {1}
"""
)

# KEYS: the place of a name. ARGV: the owner and the beat that were seen ("" for none), the new owner, who that is, life
# (ms). Answers {1, all fields as they were}, or {0}.
NAME: Final = (
    _HEAD
    + """
local seen = redis.call('HMGET', KEYS[1], 'owner', 'beat')
if (seen[1] or '') ~= ARGV[1] or (seen[2] or '') ~= ARGV[2] then return {0} end
local fields = redis.call('HGETALL', KEYS[1])
redis.call('HINCRBY', KEYS[1], 'beat', 1)
redis.call('HSET', KEYS[1], 'owner', ARGV[3], 'who', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return {1, fields}
"""
)

# KEYS: the place of a name. ARGV: owner, whose it is from now on, life (ms), then fields and values: a field goes whose
# value is "". Answers {1}; {0, who has it} if it is not that owner's, with nobody if it is not there.
SAVE: Final = (
    _HEAD
    + """
local has = redis.call('HMGET', KEYS[1], 'owner', 'who')
if has[1] ~= ARGV[1] then return {0, has[2]} end
redis.call('HINCRBY', KEYS[1], 'beat', 1)
redis.call('HSET', KEYS[1], 'owner', ARGV[2])
for i = 4, #ARGV, 2 do
  if ARGV[i + 1] == '' then redis.call('HDEL', KEYS[1], ARGV[i])
  else redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return {1}
"""
)

# KEYS: the place of a name. ARGV: owner, fields and values. Answers as SAVE does.
REACH: Final = (
    _HEAD
    + """
local has = redis.call('HMGET', KEYS[1], 'owner', 'who')
if has[1] ~= ARGV[1] then return {0, has[2]} end
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
return {1}
"""
)
