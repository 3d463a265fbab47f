-- Which machine: the backend, its QEMU, and what SEV-SNP guests are launched with.

local refusal = require "kavach.sandbox.config.refusal"

local PATH = {
  type = "string",
  fn = function(path)
    if path == "" or path:find("\0", 1, true) then return nil, "a path" end
    return path
  end,
}

-- Bytes as they are, in hex or in base64. What reads them is loaded for those who give any.
local function bytes(size)
  return {
    type = "string",
    fn = function(text) return require("kavach.measure.values").bytes_of(size)(text) end,
  }
end

---A guest policy, a table of its fields, or its bits.
---@return integer? bits
---@return string? must what it must be
local function policy_bits(value)
  local guest_policy = require "kavach.guest_policy"
  if math.type(value) == "integer" then
    local policy, why = guest_policy.from_bits(value)
    return policy and value, why and "one that firmware can take: " .. why.message
  elseif type(value) ~= "table" then
    return nil, "a guest policy, a table of its fields, or its bits as an integer"
  end
  local ok, policy = pcall(guest_policy, value)
  if ok then return policy:to_bits() end
  return nil, "one that there is: " .. tostring(policy):gsub("^.-guest_policy: ", "")
end

local M = {}

local HOST_DATA_SIZE <const>, ID_BLOCK_SIZE <const>, ID_AUTH_SIZE <const> = 32, 96, 4096
-- ID_BLOCK of AMD 56860: POLICY.
local ID_BLOCK_POLICY <const> = 0x58

M.options = {
  backend = { enum = { "auto", "sev-snp", "kvm", "tcg" }, default = "auto" },
  confidential = { enum = { "required", "preferred" } },
  transport = { enum = { "agent", "share", "measured" }, default = "agent" },
  qemu_path = PATH,
  qemu_sha256 = {
    type = "string",
    fn = function(text)
      if #text == 64 and text:find "^%x+$" then return text:lower() end
      return nil, "64 hex digits"
    end,
  },
  dialect = { enum = { "upstream", "seed" } },
  guest_policy = { fn = policy_bits },
  firmware = PATH,
  cpu_model = {
    type = "string",
    fn = function(name)
      if #name <= 63 and name:find "^%w[%w._-]*$" then return name end
      return nil, "the name of a CPU model of QEMU, as EPYC-v4"
    end,
  },
  host_data = bytes(HOST_DATA_SIZE),
  id_block = bytes(ID_BLOCK_SIZE), id_auth = bytes(ID_AUTH_SIZE),
  author_key_enabled = "boolean", vcek_disabled = "boolean",
  secrets = "any",
}

-- What no other backend can do.
local SNP_ONLY <const> = {
  "dialect", "guest_policy", "firmware", "cpu_model", "host_data", "id_block", "id_auth",
  "author_key_enabled", "vcek_disabled",
}

-- What cannot be said together.
local function check_blocks(checked)
  local block, auth = checked.id_block ~= nil, checked.id_auth ~= nil
  if block ~= auth then
    local given = block and "id_block" or "id_auth"
    return refusal(given, "is of no use alone: id_block and id_auth are needed together")
  elseif checked.author_key_enabled and not auth then
    return refusal("author_key_enabled", "needs id_auth, which has the author's key")
  elseif not block then
    return true
  end
  local bound = string.unpack("<i8", checked.id_block, ID_BLOCK_POLICY + 1)
  local policy = checked.guest_policy or require("kavach.snp").SEV_SNP_POLICY
  if bound == policy then return true end
  return refusal("id_block", ("is for the guest policy 0x%x, and the launch has 0x%x: give "
    .. "guest_policy = 0x%x"):format(bound, policy, bound))
end

-- Whether the backend can do what is asked of it, once it is known.
---@param checked table
---@param backend "sev-snp"|"kvm"|"tcg"
---@return boolean? true
---@return kavach.Error?
function M.check_backend(checked, backend)
  if backend ~= "sev-snp" then
    for _, name in ipairs(SNP_ONLY) do
      if checked[name] ~= nil then
        return refusal(name, ("is for sev-snp guests, and the backend is %s: leave it out, or ask "
          .. "for backend = \"sev-snp\""):format(backend))
      end
    end
  elseif #checked.mounts > 0 and not checked.allow_unmeasured then
    return refusal("mounts", "of a sev-snp guest are refused: what the host changes in them later, "
      .. "no measurement shows; copy files in (put), or say allow_unmeasured = true")
  end
  return true
end

function M.check(checked)
  if checked.secrets ~= nil then
    return refusal("secrets", "is not enforced in this version, so it is refused: leave it out")
  end
  local ok, why = check_blocks(checked)
  if not ok then return nil, why end
  if checked.backend == "kvm" or checked.backend == "tcg" then
    return M.check_backend(checked, checked.backend)
  end
  return true
end

return M
