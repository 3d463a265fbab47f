--- Policies as JSON documents: requirements alone, for tools that write them.
---
---   {
---     "format": "kavach-policy",
---     "name": "web tier",
---     "version": "3",                  optional, text
---     "requires": {                    see kavach.attest.requirements; masks as "0x…"
---       "vmpl": { "max": 0 },
---       "guest_policy": { "debug_allowed": false },
---       "report_data": "nonce"
---     }
---   }
---
--- Keys that are not of these are refused, as are duplicate ones and null.

local check = require "kavach.check"
local err = require "kavach.err"
local policies = require "kavach.attest.policy"
local requirements = require "kavach.attest.requirements"
local snp = require "kavach.snp"

local M = {}

M.FORMAT = "kavach-policy"

local SIZE_MAX <const> = 1 << 20

local DOCUMENT <const> = {
  format = { enum = { M.FORMAT }, required = true },
  name = { type = "string", fn = policies.check_name, required = true },
  version = { type = "string", fn = policies.check_version },
  requires = { type = "table", required = true },
}

--- Reads a document.
---@param text string
---@return kavach.Policy?
---@return kavach.Error?
function M.decode(text)
  local document, why = require("kavach.json").decode(text)
  if document == nil then return nil, why end
  local checked, message = check.test(DOCUMENT, document, "policy")
  if not checked then return err.fail("invalid_argument", message) end
  local requires
  requires, message = requirements.read(checked.requires, "policy " .. checked.name)
  if not requires then return err.fail("invalid_argument", message) end
  local policy = policies.new(checked.name, checked.requires, checked.version)
  policy.digest = snp.hex(snp.sha256(text))
  return policy
end

--- Reads a file. An error of kind `io` means that it could not be read at all.
---@param path string
---@return kavach.Policy?
---@return kavach.Error?
function M.load(path)
  local text, why = require("kavach.file").read_all(path, SIZE_MAX)
  if not text then return nil, why end
  local policy
  policy, why = M.decode(text)
  if not policy then return nil, err.wrap(why, path) end
  return policy
end

return M
