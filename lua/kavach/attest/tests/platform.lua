--- The platforms whose evidence policy tests ask for: emulators that end with the process.
---
--- The key of their authorities takes seconds to make, so it is kept for the next run:
--- $XDG_CACHE_HOME/kavach/tests/authority.pem, or ~/.cache/…, 0600. Nothing but tests trusts it.

local core = require "kavach.core"
local emulator = require "kavach.attest.emulator"
local file = require "kavach.file"
local keys_of = require "kavach.attest.emulator_keys"
local report_of = require "kavach.attest.emulator_report"

local M = {}

local KEY_MAX <const> = 16384

--- When certificates begin, and when evidence is judged unless a test says otherwise: always the
--- same, so that tests do not age.
M.NOT_BEFORE, M.NOW = 1750000000, 1760000000

-- The chip that reports are of, unless a test says otherwise.
local CHIP_ID <const> = { Milan = ("\xc1"):rep(64), Genoa = ("\xc2"):rep(64),
  Turin = ("\xc3"):rep(8) }

-- ---- the key -----------------------------------------------------------------------------------

local function cache_folder()
  local folder = require("kavach.attest.cache").default_dir()
  return folder and folder:gsub("certs$", "tests")
end

local function kept_key(path)
  local text = path and file.read_all(path, KEY_MAX)
  return text and text:find "^%-%-%-%-%-BEGIN [A-Z ]*PRIVATE KEY%-%-%-%-%-\n" and text or nil
end

local key

-- Where it cannot be kept, it is made each time.
local function authority_key()
  if key then return key end
  local folder = cache_folder()
  local path = folder and folder .. "/authority.pem"
  key = kept_key(path)
  if key then return key end
  local why
  key, why = keys_of.key "ark"
  if key and path and core.private_directory(folder) then core.private_file(path, key) end
  return key, why
end

-- ---- emulators ---------------------------------------------------------------------------------

local platforms = {} -- by product

local function make(product)
  local authority, why = authority_key()
  if not authority then return nil, why end
  return emulator.passing {
    product = product:lower(), chip_id = CHIP_ID[product], not_before = M.NOT_BEFORE,
    csp_id = "CN=cloud.invalid",
    keys = { ark = authority, ask = authority, asvk = authority },
  }
end

-- Another chip, or another cloud, under the same authorities.
local function variant(base, changes)
  local copy = setmetatable({}, getmetatable(base))
  for name, value in next, base do copy[name] = value end
  for name, value in next, changes do copy[name] = value end
  copy.certificates = {}
  for role, der in next, base.certificates do copy.certificates[role] = der end
  for _, role in ipairs { "vcek", "vlek" } do
    local der, why = keys_of.certificate(copy, role, copy.keys[role], copy.tcb)
    if not der then return nil, why end
    copy.certificates[role] = der
  end
  return copy
end

--- The platform of a product.
---@param product string "Milan", "Genoa" or "Turin"
---@param changes { chip_id: string?, csp_id: string? } chip_id: 64 bytes
---@return kavach.Emulator?
---@return kavach.Error?
function M.of(product, changes)
  local why
  if not platforms[product] then
    platforms[product], why = make(product)
    if not platforms[product] then return nil, why end
  end
  if next(changes) == nil then return platforms[product] end
  return variant(platforms[product], changes)
end

--- The TCB that a product's platform has.
---@param product string
---@return table
function M.tcb(product)
  local copy = {}
  for part, value in next, report_of.PRODUCTS[product].tcb do copy[part] = value end
  return copy
end

return M
