/* tcp.h - the TCP connection of a request: one object that owns both directions.
 *
 * The chain below is lossless and in order (RLC AM, FIFO links), so what TCP adds is its clock: the
 * handshake, the window that opens with each round trip, and the acknowledgements that use the
 * other direction's radio. Data goes in segments of at most one MSS; acknowledgements and the
 * handshake are control chunks (CHUNK_CONTROL): a packet without application bytes that walks the
 * same stages.
 *
 *   tcp_open          SYN at the server    SYN-ACK at the UE
 *   ---------> SYN_SENT --------------> ... ----------------> OPEN --> tcp_send both ways
 *                                                              |
 *                              world_request_done: CLOSED, kept until its last control chunk has
 *                              arrived, then freed with the request
 *
 * What is modelled, of Linux (net/ipv4/tcp_cubic.c, tcp_input.c) and the RFCs:
 *   - initial window of 10 segments (RFC 6928), slow start by bytes acknowledged (RFC 9406 without
 *     a limit, as Linux does it);
 *   - HyStart's delay test: once the window is 16 segments or more, slow start ends in the round
 *     in which the smallest of the first 8 round-trip times exceeds the connection's smallest by
 *     an eighth of it, at least 4 and at most 16 ms;
 *   - then one segment per round trip (CUBIC before its first loss is in its Reno-friendly region,
 *     RFC 9438 4.3);
 *   - the receiver acknowledges each of the first 16 segments at once (quickack), later every
 *     second, the odd one after 40 ms.
 * Not modelled: loss and retransmission, ACK trains, window autotuning (a fixed receive window),
 * the closing exchange.
 *
 * Invariants (tests/sim/tcp.c):
 *   T1 bytes in flight never exceed the window by a segment or more;
 *   T2 every byte sent is delivered once, and acknowledged at most once;
 *   T3 a request's flow is freed when it is closed and no control chunk of it is under way.
 */
#ifndef SIM_TCP_H
#define SIM_TCP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/pool.h"
#include "sim/engine.h"

struct world;

enum tcp_direction { TCP_UP, TCP_DOWN }; /* of the data: UE to server, server to UE */

struct tcp {
    struct entity entity; /* delayed acknowledgements */
    struct world *world;
    struct pool flows, notes;
    int64_t mss_bytes, window_bytes;
    bool handshake;
    uint32_t serial;
};

/* Returns 0 or ERR_MEMORY. */
int tcp_init(struct tcp *tcp, struct world *w, uint32_t entity_id);
void tcp_free(struct tcp *tcp);

/* Opens the request's connection; data may be given at once and leaves when it is open. */
void tcp_open(struct tcp *tcp, uint32_t request);

/* The application at the sending end has `bytes` more to send; `last`: nothing follows. */
void tcp_send(struct tcp *tcp, uint32_t request, enum tcp_direction d, int64_t bytes, bool last);

/* Data of direction d has arrived at its end. */
void tcp_data(struct tcp *tcp, uint32_t request, enum tcp_direction d);

/* A control chunk has arrived at the UE (d == TCP_DOWN) or at the server (TCP_UP). */
void tcp_control(struct tcp *tcp, uint32_t request, enum tcp_direction d);

/* The request has ended. False: control chunks are still under way, and tcp_control() will free
 * the request with the last of them. */
bool tcp_close(struct tcp *tcp, uint32_t request);

#endif
