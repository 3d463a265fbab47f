--- Which machine: --backend and what goes with it.

local M = {}

function M.configure(parser)
  parser:option("--backend", "auto, tcg, kvm or sev-snp."):argname "NAME"
    :choices { "auto", "tcg", "kvm", "sev-snp" }
  parser:option("--transport", "How the command reaches the guest: agent or share."):argname "NAME"
    :choices { "agent", "share" }
end

function M.read(args, box)
  box.backend, box.transport = args.backend, args.transport
  return true
end

return M
