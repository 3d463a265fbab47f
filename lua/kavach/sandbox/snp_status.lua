-- What the SEV firmware says of its SNP side: STRUCT SNP_PLATFORM_STATUS of AMD 56860
-- (struct sev_user_data_snp_status of the kernel's include/uapi/linux/psp-sev.h).

local SIZE <const> = 32
local RMP_INITIALISED <const> = 1
-- Firmware too old for these two has zeros there, and cannot do what they tell.
local RAPL_DIS <const>, CIPHERTEXT_HIDING_EN <const> = 1 << 4, 1 << 6

---@class kavach.snp_status
---@field api_major integer
---@field api_minor integer
---@field build integer
---@field initialised boolean the firmware is ready for SNP guests
---@field rmp boolean the reverse map table is set up
---@field guests integer that run now
---@field rapl_disabled boolean
---@field ciphertext_hiding boolean
---@field current_tcb integer
---@field reported_tcb integer

local M = {}

---@param bytes string
---@return kavach.snp_status?
function M.parse(bytes)
  if #bytes ~= SIZE then return nil end
  local major, minor, state, rmp, build, flags, guests, current, reported =
    string.unpack("<BBBBI4I4I4i8i8", bytes)
  return {
    api_major = major, api_minor = minor, build = build, initialised = state == 1,
    rmp = rmp & RMP_INITIALISED ~= 0, guests = guests,
    rapl_disabled = flags & RAPL_DIS ~= 0,
    ciphertext_hiding = flags & CIPHERTEXT_HIDING_EN ~= 0,
    current_tcb = current, reported_tcb = reported,
  }
end

return M
