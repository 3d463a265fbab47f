--- What a hostile end of a wire might send: random, but from a seed that can be given again
--- (KAVACH_SEED), so that what failed can be run again.

local M = {}

M.seed = tonumber(os.getenv "KAVACH_SEED") or os.time()
--- For the messages of assertions.
M.said = "KAVACH_SEED=" .. M.seed

--- Begins anew: what follows is the same each time.
function M.begin()
  math.randomseed(M.seed)
end

function M.chance(one_in)
  return math.random(one_in) == 1
end

function M.pick(list)
  return list[math.random(#list)]
end

function M.bytes(count)
  local bytes = {}
  for i = 1, count do bytes[i] = string.char(math.random(0, 255)) end
  return table.concat(bytes)
end

function M.u32()
  return string.pack("<I4", M.pick { 0, 1, 2, 255, 65536, 0x7fffffff, 0xffffffff,
    math.random(0, 0xffffffff) })
end

--- A text with its NUL, and now and then without.
function M.text(most)
  local text = M.bytes(math.random(0, most)):gsub("\0", "")
  return M.chance(10) and text or text .. "\0"
end

local mutations = {
  function(bytes, at) -- another byte
    return bytes:sub(1, at - 1) .. string.char(math.random(0, 255)) .. bytes:sub(at + 1)
  end,
  function(bytes, at) -- one bit
    return bytes:sub(1, at - 1) .. string.char(bytes:byte(at) ~ 1 << math.random(0, 7))
      .. bytes:sub(at + 1)
  end,
  function(bytes, at) -- some missing
    return bytes:sub(1, at - 1) .. bytes:sub(at + math.random(1, 16))
  end,
  function(bytes, at) -- some twice
    return bytes:sub(1, at) .. bytes:sub(math.max(1, at - math.random(0, 15)))
  end,
  function(bytes, at) -- some more
    return bytes:sub(1, at - 1) .. M.bytes(math.random(1, 16)) .. bytes:sub(at)
  end,
  function(bytes, at) -- no end
    return bytes:sub(1, at - 1)
  end,
}

--- The bytes with one to three mistakes.
function M.mutate(bytes)
  for _ = 1, math.random(1, 3) do
    if bytes ~= "" then bytes = M.pick(mutations)(bytes, math.random(#bytes)) end
  end
  return bytes
end

return M
