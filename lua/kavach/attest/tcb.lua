--- TCB versions as text and tables: the security versions of a platform's firmware.
---
--- A table has `boot_loader`, `tee`, `snp` and `microcode`, and on Turin `fmc`, each 0 to 255.

local snp = require "kavach.snp"

local M = {}

M.PRODUCTS = { milan = "Milan", genoa = "Genoa", turin = "Turin" }

local COMMON <const> = { "boot_loader", "tee", "snp", "microcode" }
local ALIASES = { bl = "boot_loader", ucode = "microcode" }

--- "Milan", "Genoa" or "Turin" of a name in any case.
---@param name string
---@return string?
---@return string? message
function M.product(name)
  local product = M.PRODUCTS[tostring(name):lower()]
  if product then return product end
  return nil, ("unknown product '%s' (milan, genoa or turin)"):format(name)
end

--- The same for kavach.check.
function M.check_product(name)
  local product = M.product(name)
  if product then return product end
  return nil, "milan, genoa or turin"
end

--- The components that a product has, in the order in which they are written.
---@param product string
---@return string[]
function M.parts(product)
  local parts = table.move(COMMON, 1, #COMMON, 1, {})
  if product == "Turin" then table.insert(parts, 1, "fmc") end
  return parts
end

local function number(text)
  if not (text:find "^%d+$" or text:find "^0[xX]%x+$") then return nil end
  return math.tointeger(tonumber(text))
end

local function read_parts(product, text)
  local known, tcb = {}, {}
  for _, part in ipairs(M.parts(product)) do known[part] = true end
  for item in text:gmatch "[^,]+" do
    local name, value = item:match "^%s*([%a_]+)%s*=%s*(%w+)%s*$"
    name = name and (ALIASES[name] or name)
    if not name then return nil, ("'%s' is not NAME=NUMBER"):format(item) end
    if not known[name] then
      return nil, ("a TCB of %s has no '%s' (it has %s)"):format(product, name,
        table.concat(M.parts(product), ", "))
    end
    if tcb[name] then return nil, ("'%s' is there twice"):format(name) end
    local n = number(value)
    if not n or n < 0 or n > 255 then return nil, ("%s is 0 to 255"):format(name) end
    tcb[name] = n
  end
  for _, part in ipairs(M.parts(product)) do
    if not tcb[part] then return nil, ("'%s' is missing"):format(part) end
  end
  return tcb
end

--- Why a table is no TCB of a product, or nil.
---@param product string
---@param tcb table
---@return string?
function M.problem(product, tcb)
  local known = {}
  for _, part in ipairs(M.parts(product)) do
    known[part] = true
    local n = tcb[part]
    if n == nil then return ("tcb: '%s' is missing"):format(part) end
    if math.type(n) ~= "integer" or n < 0 or n > 255 then
      return ("tcb: %s must be an integer, 0 to 255"):format(part)
    end
  end
  for part in pairs(tcb) do
    if not known[part] then
      return ("tcb: %s has no '%s' (it has %s)"):format(product, tostring(part),
        table.concat(M.parts(product), ", "))
    end
  end
end

--- Reads "boot_loader=4,tee=0,snp=24,microcode=219" (also bl, ucode; on Turin with fmc), or the
--- 64 bits of a report as "0x…".
---@param product string
---@param text string
---@return table? tcb
---@return string? message
function M.parse(product, text)
  if text:find "^0[xX]%x+$" and #text <= 18 then
    local value = math.tointeger(tonumber(text))
    local tcb = snp.tcb_parse(product, value)
    if snp.tcb_write(product, tcb) ~= value then
      return nil, ("%s has bytes set that are reserved on %s"):format(text, product)
    end
    return tcb
  end
  return read_parts(product, text)
end

--- "boot_loader=4,tee=0,snp=24,microcode=219".
---@param product string
---@param tcb table
---@return string
function M.text(product, tcb)
  local items = {}
  for i, part in ipairs(M.parts(product)) do items[i] = ("%s=%d"):format(part, tcb[part]) end
  return table.concat(items, ",")
end

--- Whether two have the same components.
---@return boolean
function M.equal(product, a, b)
  for _, part in ipairs(M.parts(product)) do
    if a[part] ~= b[part] then return false end
  end
  return true
end

return M
