--- Where the guest's root file system comes from: --root, --image.

local M = {}

function M.configure(parser)
  parser:option("--root", "The guest's root: a folder of the host, which it cannot change.")
    :argname "DIR"
  parser:option("--image", "The guest's root: a squashfs, ext4 or qcow2 image, likewise.")
    :argname "FILE"
  parser:flag("--allow-unmeasured", "Allow --root, --image, --disk and --mount with sev-snp, where "
    .. "no measurement covers them.")
end

function M.read(args, box)
  box.root, box.image, box.allow_unmeasured = args.root, args.image, args.allow_unmeasured
  return true
end

return M
