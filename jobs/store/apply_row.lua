-- One row by compare-and-set: written only if its (t, seq) is greater than that of the row held.
-- KEYS[1]  the entity's hash
-- ARGV[1]  the field of the view's clock
-- ARGV[2]  the row's clock: t and seq as 16 bytes, big-endian, sign bit flipped
-- ARGV[3]  the seconds after which the hash expires, or 0
-- ARGV[4…] fields and values, in turn
-- Returns 1 if the row was written.

-- Lua compares strings by locale and numbers as doubles: so by 32 bits at a time.
local function greater(a, b)
  local x = { struct.unpack('>I4I4I4I4', a) }
  local y = { struct.unpack('>I4I4I4I4', b) }
  for i = 1, 4 do
    if x[i] ~= y[i] then
      return x[i] > y[i]
    end
  end
  return false
end

local held = redis.call('HGET', KEYS[1], ARGV[1])
if held and not greater(ARGV[2], held) then
  return 0
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2], unpack(ARGV, 4))
if ARGV[3] ~= '0' then
  redis.call('EXPIRE', KEYS[1], ARGV[3])
end
return 1
