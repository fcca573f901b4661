-- Sets an orphaned item aside that this side cannot read, so that it does not hold up the others.

local orphaned = KEYS[1]             -- list of the Invocations on their way from dead workers to the durable lane
local unreadable = KEYS[2]           -- list of the items that a side could not read
local item = ARGV[1]
local keep_ms = ARGV[2]              -- how long it is kept for a newer side, which may know what it is

-- Answers 1 when it was set aside, 0 when it was not among the orphaned any more.
if redis.call('LREM', orphaned, 1, item) == 0 then
  return 0
end
redis.call('RPUSH', unreadable, item)
redis.call('PEXPIRE', unreadable, keep_ms)
return 1
