-- One row by compare-and-set: written only if it wins over the row held.
-- KEYS[1]  the entity's hash
-- ARGV[1]  the field of the view's clock
-- ARGV[2]  the row's clock: t and seq, 8 bytes each, big-endian, sign bit flipped; of batch also generation and until
-- ARGV[3]  the seconds after which the hash expires, or 0
-- ARGV[4…] fields and values, in turn
-- Returns 1 if the row was written.

local ZERO = string.char(128, 0, 0, 0, 0, 0, 0, 0)

-- Lua compares strings by locale and numbers as doubles: so by 32 bits at a time.
local function greater(a, b)
  for i = 1, #a, 4 do
    local x, y = struct.unpack('>I4', a, i), struct.unpack('>I4', b, i)
    if x ~= y then
      return x > y
    end
  end
  return false
end

-- t, seq, generation and until; the last two are 0 for a row of the stream, and of batch from an earlier version.
local function parts(clock)
  local full = #clock == 16 and clock .. ZERO .. ZERO or clock
  return full:sub(1, 8), full:sub(9, 16), full:sub(17, 24), full:sub(25, 32)
end

-- The greater (t, seq). Of two rows of batch (seq 0) the later generation decides about all times up to its until.
local function wins(new, held)
  if #new == 16 and #held == 16 then
    return greater(new, held)
  end
  local t, seq, generation, till = parts(new)
  local held_t, held_seq, held_generation, held_till = parts(held)
  if seq ~= ZERO or held_seq ~= ZERO or generation == held_generation then
    return greater(t .. seq .. till, held_t .. held_seq .. held_till)
  end
  if greater(generation, held_generation) then
    return not greater(held_t, till)
  end
  return greater(t, held_till)
end

local held = redis.call('HGET', KEYS[1], ARGV[1])
if held and not wins(ARGV[2], held) then
  return 0
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2], unpack(ARGV, 4))
if ARGV[3] ~= '0' then
  redis.call('EXPIRE', KEYS[1], ARGV[3])
end
return 1
