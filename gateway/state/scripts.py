"""What must happen in Redis in one step, as Lua.

A Redis that is full ends a script at its first command that needs memory; one whose first *write* needs none may go on
(https://redis.io/docs/latest/develop/programmability/eval-intro/). So tasks that are known already can still be
brought to their end, and cleaned, when nothing new is taken. The scripts touch keys that they find in others: they
want one primary, not a cluster.
"""

from __future__ import annotations

from typing import Final

WRITE: Final = """
-- KEYS: task, heartbeat of its owner. ARGV: record, milliseconds it lives, milliseconds the owner lives or 0
local stored = redis.call('GET', KEYS[1])
if stored and stored ~= ARGV[1] then
  local status = cjson.decode(stored).status
  if status ~= 'pending' and status ~= 'processing' then return 0 end
end
if stored then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end  -- the first write, which needs no memory
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
if ARGV[3] ~= '0' then redis.call('SET', KEYS[2], '1', 'PX', ARGV[3]) end
return 1
"""

CLEAN: Final = """
-- KEYS: task, set of its blobs. ARGV: record as it was read or '', record as it is to be, milliseconds it lives
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
for _, blob in ipairs(redis.call('SMEMBERS', KEYS[2])) do redis.call('UNLINK', blob) end
redis.call('UNLINK', KEYS[2])
if ARGV[1] ~= '' then redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
return 1
"""

PUBLISH: Final = """
-- KEYS: blob being written, blob, set of the task's blobs, task. ARGV: milliseconds it lives
local stored = redis.call('GET', KEYS[4])
if stored and cjson.decode(stored).status == 'cleaned' then return redis.call('UNLINK', KEYS[1]) end
redis.call('RENAME', KEYS[1], KEYS[2])
redis.call('PEXPIRE', KEYS[2], ARGV[1])
redis.call('SADD', KEYS[3], KEYS[2])
if redis.call('PTTL', KEYS[3]) < tonumber(ARGV[1]) then redis.call('PEXPIRE', KEYS[3], ARGV[1]) end
"""

KEEP: Final = """
-- KEYS: set of a task's blobs. ARGV: milliseconds they live
for _, blob in ipairs(redis.call('SMEMBERS', KEYS[1])) do redis.call('PEXPIRE', blob, ARGV[1]) end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
"""

CLAIM: Final = """
-- KEYS: blob, what whoever takes it calls it, set of the task's blobs. ARGV: milliseconds it lives
local chunks = redis.call('HLEN', KEYS[1])
if chunks == 0 then  -- asked again, because an answer was lost
  redis.call('PEXPIRE', KEYS[2], ARGV[1])
  return redis.call('HLEN', KEYS[2])
end
redis.call('RENAME', KEYS[1], KEYS[2])
redis.call('PEXPIRE', KEYS[2], ARGV[1])
redis.call('SREM', KEYS[3], KEYS[1])
return chunks
"""

# Where nothing was taken, or all is back because only the answer was lost, there is nothing to do.
RETURN: Final = "if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end" + PUBLISH
