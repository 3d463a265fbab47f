-- With a real guest. All that it is let reach is on this machine's loopback.

local kds_server = require "support.kds_server"
local sandbox = require "kavach.sandbox"

local function port_of(server) return tonumber(server.url:match ":(%d+)") end

describe("A guest #vm", function()
  if not kds_server.here() then
    pending "luv is not installed, which the server runs on"
    return
  end

  local box
  local function boot(network)
    box = assert(sandbox.new { backend = "tcg", memory_limit_mb = 256, network = network })
  end
  after_each(function() if box then box:close() end end)

  -- Whether a page could be fetched, and what there is of it.
  local function fetch(host, port)
    local r = assert(box:exec(("timeout 3 wget -q -O - http://%s:%d/"):format(host, port)))
    return r.exit_code == 0, r.stdout
  end

  it("without a network has no interface but its own loopback", function()
    boot()
    local r = assert(box:exec "ls /sys/class/net; ip route; ls /sys/bus/virtio/drivers")
    assert.matches("^lo\n", r.stdout)
    assert.is_nil(r.stdout:find "eth0")
    assert.is_nil(r.stdout:find "default")
    assert.is_nil(r.stdout:find "virtio_net")
    assert.not_equal(0, assert(box:exec "ping -c 1 -W 1 10.0.2.2").exit_code)
    assert.matches("no network", select(2, box:network_stats()).message)
  end)

  it("reaches the one service of the host that is allowed, and nothing else", function()
    local allowed <close> = kds_server.start { ["*"] = { { body = "allowed" } } }
    local other <close> = kds_server.start { ["*"] = { { body = "other" } } }
    boot { enabled = true, allowed_hosts = { "host" }, allowed_ports = { port_of(allowed) } }
    assert.same({ true, "allowed" }, { fetch("host", port_of(allowed)) })
    local r = assert(box:exec(("wget -q -O - http://host:%d/"):format(port_of(other))))
    assert.matches("No route to host", r.stderr) -- at once, since the filter says so
    -- QEMU would take each of these for the host's loopback, or let it have them as they are.
    for _, to in ipairs { "10.0.2.3", "10.0.2.100" } do
      assert(box:exec(("arp -s %s 52:55:0a:00:02:02"):format(to)))
      assert.is_false((fetch(to, port_of(allowed))), to)
    end
    assert(box:exec(("ip route add table local unicast 127.0.0.9 via 10.0.2.2 dev eth0;"
      .. "echo 1 >/proc/sys/net/ipv4/conf/all/route_localnet;"
      .. "timeout 3 wget -q -O - http://127.0.0.9:%d/"):format(port_of(allowed))))
    assert.equal(1, #allowed:requests())
    assert.equal(0, #other:requests())
    local refused = table.concat(box:network_stats().refused, " ")
    assert.matches(("10.0.2.2:%d/tcp"):format(port_of(other)), refused, 1, true)
    assert.matches(("10.0.2.100:%d/tcp"):format(port_of(allowed)), refused, 1, true)
  end)

  it("gets nowhere with another address than its own", function()
    local server <close> = kds_server.start { ["*"] = { { body = "allowed" } } }
    local port = port_of(server)
    boot { enabled = true, allowed_hosts = { "host" }, allowed_ports = { port } }
    local function get(path, options)
      return ("printf 'GET /%s HTTP/1.0\\r\\n\\r\\n' | nc -w 2 %s 10.0.2.2 %d"):format(path,
        options, port)
    end
    local function with_mac(last, path)
      return ("ip link set eth0 down; ip link set eth0 address 52:54:00:6b:76:%s; "
        .. "ip link set eth0 up; ip route add default via 10.0.2.2; "):format(last) .. get(path, "")
    end
    assert(box:exec("ip addr add 10.0.2.77/24 dev eth0; " .. get("spoofed", "-s 10.0.2.77")))
    assert(box:exec(with_mac("99", "other")))
    assert.same({}, server:requests())
    assert(box:exec(with_mac("01", "own")))
    assert.same({ "/own" }, server:requests())
  end)

  it("does not reach the host's loopback because it has a network", function()
    local server <close> = kds_server.start { ["*"] = { { body = "allowed" } } }
    boot { enabled = true }
    assert.is_false((fetch("10.0.2.2", port_of(server))))
    assert.same({}, server:requests())
    assert.equal("nameserver 10.0.2.3\n", assert(box:exec "cat /etc/resolv.conf").stdout)
  end)

  it("with nobody behind the filter's sockets gets nowhere", function()
    local server <close> = kds_server.start { ["*"] = { { body = "allowed" } } }
    boot { enabled = true, allowed_hosts = { "host" } }
    assert.is_true((fetch("host", port_of(server))))
    box.vm.sockets:close()
    assert.is_false((fetch("host", port_of(server))))
    assert.equal(1, #server:requests())
    assert.is_true(box:health_check())
  end)
end)
