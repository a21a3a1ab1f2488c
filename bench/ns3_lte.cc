/* ns3_lte.cc - the loads of bench_radio on ns-3's LTE module, as a peer to compare with.
 *
 * One eNB with 100 + 100 resource blocks (20 MHz FDD), proportional fair, RLC AM, EPC with one
 * remote host; UEs stand still 20 m away without fading, so that all but the first blocks go at
 * the highest MCS. UDP both ways, 1 472 bytes a packet.
 *
 *   --load=FILE    bursts: each line "t_s ue" is a request of --bytes up; when the host has all of
 *                  them it waits --hold and sends as many down.
 *   --up, --down   without a file: constant rates offered to the cell in Mbit/s, shared by the UEs.
 *
 * Traffic starts at SETTLE_S, when every UE is attached. Clock and bytes are taken from --warm
 * seconds later and for --seconds, so that building the network and attaching are left out. Prints
 * one line: wall seconds, processor seconds, bytes delivered up and down to the applications.
 *
 * Built only where libns3-dev is installed; nothing of willmsim hangs on it. */
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <string>
#include <vector>

#include "ns3/core-module.h"
#include "ns3/internet-module.h"
#include "ns3/lte-module.h"
#include "ns3/mobility-module.h"
#include "ns3/network-module.h"
#include "ns3/point-to-point-module.h"

using namespace ns3;

namespace {

const double SETTLE_S = 1.0;
const uint32_t PACKET_BYTES = 1472; /* 1 500 with IPv4 and UDP */
const uint16_t UP_PORT = 2000;      /* and one more per UE: who sends */
const uint16_t DOWN_PORT = 1000;
/* Per UE and direction under the saturated load: a few blocks of a whole carrier. Without a bound
 * the queues would grow for ever, and ns-3 erases at the front of a vector. */
const uint32_t SATURATED_BUFFER_BYTES = 60000;
/* ns-3 sends an RLC status report in a transport block of its own and gives a slot to one UE: with
 * its 20 ms between reports, those of ten UEs with traffic both ways leave no slot to their data.
 * Nothing is lost on this channel, so that rare reports cost nothing. */
const Time SATURATED_STATUS = MilliSeconds(400);

struct Options {
    uint32_t ues = 1;
    uint32_t bytes = 300000;
    double hold_s = 0.5;
    double up_mbps = 0.0, down_mbps = 0.0;
    double warm_s = 1.5, seconds = 10.0;
    std::string load;
} options;

struct Ue {
    Ptr<Socket> at_ue, at_host;
    Ipv4Address address;
    uint64_t up_bytes = 0, down_bytes = 0; /* delivered */
};
std::vector<Ue> ues;
Ipv4Address host_address;

struct {
    std::chrono::steady_clock::time_point clock;
    std::clock_t cpu;
    uint64_t up_bytes, down_bytes;
} begin;

void sum_bytes(uint64_t *up, uint64_t *down)
{
    *up = *down = 0;
    for (const Ue &ue : ues) {
        *up += ue.up_bytes;
        *down += ue.down_bytes;
    }
}

void begin_measuring()
{
    sum_bytes(&begin.up_bytes, &begin.down_bytes);
    begin.clock = std::chrono::steady_clock::now();
    begin.cpu = std::clock();
}

void send(uint32_t i, bool up, uint32_t bytes)
{
    Ptr<Packet> packet = Create<Packet>(bytes);
    if (up) {
        ues[i].at_ue->SendTo(packet, 0, InetSocketAddress(host_address, UP_PORT + i));
    } else {
        ues[i].at_host->SendTo(packet, 0, InetSocketAddress(ues[i].address, DOWN_PORT));
    }
}

void send_burst(uint32_t i, bool up)
{
    for (uint32_t left = options.bytes; left > 0;) {
        uint32_t bytes = std::min(left, PACKET_BYTES);
        send(i, up, bytes);
        left -= bytes;
    }
}

/* One packet, and the next one after the interval. */
void send_steadily(uint32_t i, bool up, Time interval)
{
    send(i, up, PACKET_BYTES);
    Simulator::Schedule(interval, &send_steadily, i, up, interval);
}

void host_received(uint32_t i, Ptr<Socket> socket)
{
    while (Ptr<Packet> packet = socket->Recv()) {
        ues[i].up_bytes += packet->GetSize();
        if (!options.load.empty() && ues[i].up_bytes % options.bytes == 0) {
            Simulator::Schedule(Seconds(options.hold_s), &send_burst, i, false);
        }
    }
}

void ue_received(uint32_t i, Ptr<Socket> socket)
{
    while (Ptr<Packet> packet = socket->Recv()) {
        ues[i].down_bytes += packet->GetSize();
    }
}

Ptr<Socket> open_socket(Ptr<Node> node, uint16_t port)
{
    Ptr<Socket> socket = Socket::CreateSocket(node, UdpSocketFactory::GetTypeId());
    /* A burst reaches the socket at one instant of the radio; its default holds 128 kB. */
    socket->SetAttribute("RcvBufSize", UintegerValue(1 << 20));
    socket->Bind(InetSocketAddress(Ipv4Address::GetAny(), port));
    return socket;
}

void set_defaults()
{
    Config::SetDefault("ns3::LteEnbRrc::EpsBearerToRlcMapping",
                       EnumValue(LteEnbRrc::RLC_AM_ALWAYS));
    /* willmsim's control channels do not err either; data blocks can, in both. */
    Config::SetDefault("ns3::LteSpectrumPhy::CtrlErrorModelEnabled", BooleanValue(false));
    bool bursts = !options.load.empty();
    Config::SetDefault("ns3::LteRlcAm::MaxTxBufferSize",
                       UintegerValue(bursts ? 0 /* no bound */ : SATURATED_BUFFER_BYTES));
    if (!bursts) {
        Config::SetDefault("ns3::LteRlcAm::StatusProhibitTimer", TimeValue(SATURATED_STATUS));
        Config::SetDefault("ns3::LteRlcAm::PollRetransmitTimer", TimeValue(SATURATED_STATUS));
    }
    /* 40, the default, is also the most UEs that it can tell apart. */
    Config::SetDefault("ns3::LteEnbRrc::SrsPeriodicity", UintegerValue(80));
}

/* The host behind the packet gateway. */
Ptr<Node> make_host(Ptr<PointToPointEpcHelper> epc)
{
    Ptr<Node> host = CreateObject<Node>();
    InternetStackHelper internet;
    internet.Install(host);
    PointToPointHelper link;
    link.SetDeviceAttribute("DataRate", DataRateValue(DataRate("10Gb/s")));
    NetDeviceContainer devices = link.Install(epc->GetPgwNode(), host);
    Ipv4AddressHelper addresses("1.0.0.0", "255.0.0.0");
    host_address = addresses.Assign(devices).GetAddress(1);
    Ipv4StaticRoutingHelper routing;
    routing.GetStaticRouting(host->GetObject<Ipv4>())
        ->AddNetworkRouteTo(Ipv4Address("7.0.0.0"), Ipv4Mask("255.0.0.0"), 1);
    return host;
}

/* The helpers own the gateways: they must outlive the simulation. */
void make_network(Ptr<LteHelper> lte, Ptr<PointToPointEpcHelper> epc)
{
    lte->SetEpcHelper(epc);
    lte->SetSchedulerType("ns3::PfFfMacScheduler");
    lte->SetEnbDeviceAttribute("DlBandwidth", UintegerValue(100));
    lte->SetEnbDeviceAttribute("UlBandwidth", UintegerValue(100));
    Ptr<Node> host = make_host(epc);

    NodeContainer enb_nodes(1), ue_nodes(options.ues);
    MobilityHelper mobility;
    mobility.SetMobilityModel("ns3::ConstantPositionMobilityModel");
    mobility.Install(enb_nodes);
    mobility.Install(ue_nodes);
    for (uint32_t i = 0; i < options.ues; i++) {
        ue_nodes.Get(i)->GetObject<MobilityModel>()->SetPosition(Vector(20.0, 0.0, 0.0));
    }
    NetDeviceContainer enbs = lte->InstallEnbDevice(enb_nodes);
    NetDeviceContainer devices = lte->InstallUeDevice(ue_nodes);
    InternetStackHelper internet;
    internet.Install(ue_nodes);
    Ipv4InterfaceContainer interfaces = epc->AssignUeIpv4Address(devices);
    Ipv4StaticRoutingHelper routing;
    ues.resize(options.ues);
    for (uint32_t i = 0; i < options.ues; i++) {
        Ptr<Node> node = ue_nodes.Get(i);
        routing.GetStaticRouting(node->GetObject<Ipv4>())
            ->SetDefaultRoute(epc->GetUeDefaultGatewayAddress(), 1);
        lte->Attach(devices.Get(i), enbs.Get(0));
        Ue &ue = ues[i];
        ue.address = interfaces.GetAddress(i);
        ue.at_ue = open_socket(node, DOWN_PORT);
        ue.at_host = open_socket(host, static_cast<uint16_t>(UP_PORT + i));
        ue.at_ue->SetRecvCallback(MakeBoundCallback(&ue_received, i));
        ue.at_host->SetRecvCallback(MakeBoundCallback(&host_received, i));
    }
}

/* False when the file is not there. */
bool schedule_bursts()
{
    std::ifstream file(options.load);
    double t_s;
    uint32_t i;
    while (file >> t_s >> i) {
        if (i < options.ues) {
            Simulator::Schedule(Seconds(SETTLE_S + t_s), &send_burst, i, true);
        }
    }
    return file.eof();
}

void schedule_steady(bool up, double mbps)
{
    if (mbps <= 0.0) {
        return;
    }
    double interval_s = 8.0 * PACKET_BYTES * options.ues / (mbps * 1e6);
    for (uint32_t i = 0; i < options.ues; i++) {
        /* Each at its own instant. */
        Simulator::Schedule(Seconds(SETTLE_S + interval_s * i / options.ues), &send_steadily, i, up,
                            Seconds(interval_s));
    }
}

} // namespace

int main(int argc, char **argv)
{
    CommandLine line(__FILE__);
    line.AddValue("ues", "UEs", options.ues);
    line.AddValue("load", "file of bursts, a line each: seconds, UE", options.load);
    line.AddValue("bytes", "bytes of a burst", options.bytes);
    line.AddValue("hold", "seconds that the host waits before it answers", options.hold_s);
    line.AddValue("up", "Mbit/s offered up", options.up_mbps);
    line.AddValue("down", "Mbit/s offered down", options.down_mbps);
    line.AddValue("warm", "seconds of traffic before the clock starts", options.warm_s);
    line.AddValue("seconds", "seconds to measure", options.seconds);
    line.Parse(argc, argv);

    set_defaults();
    Ptr<LteHelper> lte = CreateObject<LteHelper>();
    Ptr<PointToPointEpcHelper> epc = CreateObject<PointToPointEpcHelper>();
    make_network(lte, epc);
    if (!options.load.empty() && !schedule_bursts()) {
        std::fprintf(stderr, "ns3_lte: %s: not a file of lines 'seconds UE'\n",
                     options.load.c_str());
        return 2;
    }
    schedule_steady(true, options.up_mbps);
    schedule_steady(false, options.down_mbps);
    Simulator::Schedule(Seconds(SETTLE_S + options.warm_s), &begin_measuring);
    Simulator::Stop(Seconds(SETTLE_S + options.warm_s + options.seconds));
    Simulator::Run();
    std::chrono::duration<double> wall = std::chrono::steady_clock::now() - begin.clock;
    double cpu_s = static_cast<double>(std::clock() - begin.cpu) / CLOCKS_PER_SEC;
    uint64_t up, down;
    sum_bytes(&up, &down);
    std::printf("%.6f %.6f %llu %llu\n", wall.count(), cpu_s,
                static_cast<unsigned long long>(up - begin.up_bytes),
                static_cast<unsigned long long>(down - begin.down_bytes));
    Simulator::Destroy();
    return 0;
}
