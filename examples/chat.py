"""A conversation with an artifact, from the command line: python examples/chat.py ARTIFACT "Hello!" "And then?" """

import sys

import mmoe


def main(folder: str, questions: list[str]) -> None:
    """Asks one question after the other and streams the answers."""
    with mmoe.load(folder) as model:
        chat = mmoe.Chat(model, sampling=mmoe.SamplingConfig(temperature=0.7, top_p=0.9, seed=1))
        for question in questions:
            print(f"> {question}")
            answer = chat.send(question, max_new_tokens=100)
            for piece in answer:
                print(piece, end="", flush=True)
            print(f"\n[{answer.finish_reason}, {answer.stats.decode_tokens_per_second:.0f} tokens/s]")


if __name__ == "__main__":
    try:
        main(sys.argv[1], sys.argv[2:])
    except mmoe.MmoeError as error:
        sys.exit(f"error: {error}")
