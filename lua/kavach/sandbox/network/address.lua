-- IPv4 addresses as text and as numbers, blocks of them, and ranges of ports. 10.0.2.15 is the
-- number 0x0a00020f.

local address = {}

---@param text string four numbers, none with a zero before it: some read that as octal
---@return integer? number
function address.parse(text)
  local parts = { text:match "^(%d+)%.(%d+)%.(%d+)%.(%d+)$" }
  if #parts == 0 then return nil end
  local number = 0
  for _, part in ipairs(parts) do
    local value = tonumber(part)
    if #part > 3 or value > 255 or (#part > 1 and part:sub(1, 1) == "0") then return nil end
    number = number << 8 | value
  end
  return number
end

---@param number integer
---@return string
function address.text(number)
  return ("%d.%d.%d.%d"):format(number >> 24, number >> 16 & 255, number >> 8 & 255, number & 255)
end

---@class kavach.network.block
---@field address integer
---@field prefix integer how many bits all its addresses share

---@param prefix integer
---@return integer
local function mask(prefix)
  return 0xffffffff << (32 - prefix) & 0xffffffff
end

---@param block kavach.network.block
---@param outer kavach.network.block
---@return boolean whether all of the block is in the other one
function address.within(block, outer)
  return block.prefix >= outer.prefix and block.address & mask(outer.prefix) == outer.address
end

---Reads "10.1.2.3" or "10.1.0.0/16".
---@param text string
---@return kavach.network.block? block
---@return string? must what it must be instead
function address.block(text)
  local first, bits = text:match "^([%d.]+)/(%d+)$"
  local number = address.parse(first or text)
  local prefix = bits and (#bits <= 2 and tonumber(bits) or 99) or 32
  if not number or prefix > 32 then
    return nil, ("an IPv4 address like 192.0.2.1 or a block like 192.0.2.0/24, got '%s'")
      :format(text)
  end
  local lowest = number & mask(prefix)
  if lowest ~= number then
    return nil, ("a block that begins where its bits do: %s/%d, got '%s'"):format(
      address.text(lowest), prefix, text)
  end
  return { address = number, prefix = prefix }
end

-- RFC 1123, section 2.1; and "_", which some names have.
local function is_label(label)
  return #label >= 1 and #label <= 63 and label:find "^[%w_-]+$" and not label:find "^%-"
    and not label:find "%-$"
end

---@param text string
---@return boolean whether it can be a host's name, and is not to be read as an address
function address.is_name(text)
  if #text > 253 or not text:find "%a" or text:find "%.%." or text:find "^%." then return false end
  for label in text:gsub("%.$", ""):gmatch "[^.]+" do
    if not is_label(label) then return false end
  end
  -- "1.2.3.0x4" and the like are addresses to some resolvers.
  return not text:match "([^.]+)%.?$":find "^0[xX]?%x*$" and not text:find "%.%d+%.?$"
end

---@class kavach.network.range
---@field from integer
---@field to integer

local MUST <const> = "a port from 1 to 65535, or a range like \"8000-8010\""

---Reads 80, "80", "8000-8010" or { from = 8000, to = 8010 }.
---@param given integer|string|table
---@return kavach.network.range? range
---@return string? must
function address.ports(given)
  local from, to = given, given
  if type(given) == "string" then
    from, to = given:match "^(%d+)%-(%d+)$"
    if not from then from, to = given:match "^%d+$", given:match "^%d+$" end
    from, to = math.tointeger(tonumber(from)), math.tointeger(tonumber(to))
  elseif type(given) == "table" then
    for key in next, given do
      if key ~= "from" and key ~= "to" then return nil, MUST .. " or { from = …, to = … }" end
    end
    from, to = given.from, given.to
  end
  if math.type(from) ~= "integer" or math.type(to) ~= "integer" or from < 1 or to > 65535 then
    local said = type(given) == "table" and "a table" or ("'%s'"):format(given)
    return nil, ("%s, got %s"):format(MUST, said)
  end
  if from > to then
    return nil, ("a range that begins with its lower end, got %d-%d"):format(from, to)
  end
  return { from = from, to = to }
end

return address
