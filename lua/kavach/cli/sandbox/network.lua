--- Whom the guest may reach: --network, --allow-host, --allow-port.

local M = {}

function M.configure(parser)
  parser:flag("--network", "Give the guest a network. Without it there is none at all.")
  parser:option("--allow-host", "Let it reach only this name, address or block (10.1.0.0/16); "
    .. "\"host\" is this machine's loopback. Implies --network."):argname "HOST":count "*"
  parser:option("--allow-port", "Let it reach only this port, or these (8000-8010), of TCP and "
    .. "UDP. Implies --network."):argname "PORT[-PORT]":count "*"
end

function M.read(args, box)
  local hosts = #args.allow_host > 0 and args.allow_host or nil
  local ports = #args.allow_port > 0 and args.allow_port or nil
  if args.network or hosts or ports then
    box.network = { enabled = true, allowed_hosts = hosts, allowed_ports = ports }
  end
  return true
end

return M
