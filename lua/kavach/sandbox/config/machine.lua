-- Which machine: the backend, its QEMU, and what SEV-SNP guests are launched with.

local refusal = require "kavach.sandbox.config.refusal"

local PATH = {
  type = "string",
  fn = function(path)
    if path == "" or path:find("\0", 1, true) then return nil, "a path" end
    return path
  end,
}

local M = {}

M.options = {
  backend = { enum = { "auto", "sev-snp", "kvm", "tcg" }, default = "auto" },
  confidential = { enum = { "required", "preferred" } },
  transport = { enum = { "agent", "share" }, default = "agent" },
  qemu_path = PATH,
  dialect = "any", guest_policy = "any", qemu_sha256 = "any", secrets = "any",
}

function M.check(checked)
  for _, name in ipairs { "dialect", "guest_policy", "qemu_sha256", "secrets" } do
    if checked[name] ~= nil then
      return refusal(name, "is not enforced in this version, so it is refused: leave it out")
    end
  end
  return true
end

return M
