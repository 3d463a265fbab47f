--- The ID block: a launch digest and a few fields for the guest's reports, signed by whoever
--- answers for the guest. Firmware refuses a guest with another digest or policy, and puts the
--- digests of the keys into its reports.

local check = require "kavach.check"
local err = require "kavach.err"
local file = require "kavach.file"
local snp = require "kavach.snp"
local values = require "kavach.measure.values"

local M = {}

local DIGEST_SIZE <const> = 48
local ID_SIZE <const> = 16
--- Of a key in PEM, which has less than one KiB.
local MAX_KEY_SIZE <const> = 64 * 1024
--- The guest policy that most guests are launched with: bit 17, and SMT allowed.
local USUAL_POLICY <const> = 0x30000

local function policy_bits(value)
  if type(value) == "number" then return math.tointeger(value), "an integer or a guest policy" end
  local bits = value.to_bits and value:to_bits()
  return bits, "an integer or a guest policy"
end

local ID = { type = "string", fn = values.bytes_of(ID_SIZE), default = ("\0"):rep(ID_SIZE) }
local ID_OPTIONS = {
  digest = { type = "string", fn = values.bytes_of(DIGEST_SIZE), required = true },
  id_key = { type = "string", fn = values.path, required = true },
  author_key = { type = "string", fn = values.path },
  family_id = ID, image_id = ID,
  guest_svn = { type = "integer", min = 0, max = 0xffffffff, default = 0 },
  policy = { type = { "integer", "table" }, fn = policy_bits, default = USUAL_POLICY },
}

local function read_key(path)
  local pem, why = file.read_all(path, MAX_KEY_SIZE)
  if not pem then return nil, why end
  local digest
  if pem ~= "" then digest, why = snp.key_digest(pem) end
  if digest then return pem, digest end
  return err.fail("io", ("%s: %s"):format(path, why or "the key file is empty"), { path = path })
end

---@class kavach.IdBlock
---@field id_block string 96 bytes
---@field id_auth string 4096 bytes
---@field id_key_digest string 48 bytes: ID_KEY_DIGEST of the guest's reports
---@field author_key_digest string? AUTHOR_KEY_DIGEST, with an author key
local IdBlock = {}
IdBlock.__index = IdBlock

--- What QEMU's sev-snp-guest object takes.
---@return string
function IdBlock:qemu()
  return ("id-block=%s,id-auth=%s,author-key-enabled=%s"):format(snp.base64(self.id_block),
    snp.base64(self.id_auth), self.author_key_digest and "on" or "off")
end

--- Checks options for `sign`. Returns them, or nil and a message.
---@param options table
---@return table?
---@return string? message
function M.plan(options)
  local plan, message = check.test(ID_OPTIONS, options, "id_block")
  if message then return nil, message end
  local ok
  ok, message = snp.guest_policy_check(plan.policy)
  if not ok then return nil, "id_block: policy: " .. message end
  return plan
end

--- Signs what `plan` returned.
---@param plan table
---@return kavach.IdBlock?
---@return kavach.Error?
function M.sign(plan)
  local id_key, id_digest = read_key(plan.id_key)
  if not id_key then return nil, id_digest end
  local author_key, author_digest
  if plan.author_key then
    author_key, author_digest = read_key(plan.author_key)
    if not author_key then return nil, author_digest end
  end
  local block = snp.id_block(plan.digest, plan.family_id, plan.image_id, plan.guest_svn,
    plan.policy)
  local auth, message, kind = snp.id_auth(block, id_key, author_key)
  if not auth then return err.fail(kind, message, { op = "id_block" }) end
  return setmetatable({ id_block = block, id_auth = auth, id_key_digest = id_digest,
    author_key_digest = author_digest }, IdBlock)
end

--- What firmware would say to an ID block and its authentication.
---@param block string 96 bytes
---@param auth string 4096 bytes
---@return table result { block_signed=, key_signed= (nil without an author), id_key_digest=, … }
function M.check(block, auth)
  return snp.id_auth_check(block, auth)
end

return M
