"""Good questions to passages of many kinds: no filter may turn down a single one.

Each entry is the passage's language, the passage, and questions as good interviewers put them.
"""

GOOD: list[tuple[str, str, str]] = [
    (
        "en",
        """I was born above my father's shop in Leith, in a room so narrow that the midwife had
        to climb over the bed. My mother kept the accounts and my father kept his temper, and
        between the two of them the shop lasted until 1931, when nobody on our street could pay
        for bread, let alone for hats. I remember the sound of the shutters going down for the
        last time. He did not say anything. He hung up his apron, washed his hands twice, and
        asked me whether I had learned my French verbs. For years I took that for coldness.""",
        """What do you remember of the day the shop closed?
        How did your father bear the end of his business?
        What was it like to grow up in such narrow rooms?
        Why did it take you years to understand your father's silence?
        Who held the family together in the bad years?
        What did the Depression do to your street in Leith?
        You were still a boy in 1931. What did you make of it all?
        Mr. Ogilvie, what did your parents teach you without meaning to?
        Looking back, do you think your father was ashamed – or simply tired?
        When did you stop thinking of your father as cold?
        What, if anything, did he ever say about it?
        How would you describe your parents' marriage?
        Do you still hear those shutters?
        What made the closing of the shop stay with you for so long?
        If you could ask your father one thing about that day, what would it be?
        Was there a moment in your childhood when you understood what money meant?
        What kind of man was your father, behind the counter and away from it?
        What did you feel when he asked about your schoolwork?
        In what way were your mother and father unlike each other?
        What is the earliest loss that you can remember?
        What went through your mind that evening?
        Why do you think he asked you that, of all things?""",
    ),
    (
        "en",
        """We were ordered over the top at five in the morning. The lieutenant had given us our
        instructions the night before: ignore the wounded, keep the line, do not stop for
        anyone. I stopped. I have told this to very few people. There was a boy from Kent
        holding his own boot, with the foot in it, looking at it as if somebody had handed him
        the wrong parcel. I tied his leg with my belt, and by the time I caught up with the
        others there were no others. They gave me a medal for holding the position, which I had
        only reached because I was late.""",
        """Why did you ignore the instructions of your lieutenant?
        What made you disregard your orders that morning?
        Did you ever regret that you stopped for a wounded man?
        What do you think of the medal they gave you?
        How does a man live with being the one who was late?
        You must have felt terribly alone when you caught up. What did you do?
        Who was the boy from Kent to you?
        Were there rules that you had to forget in order to stay human?
        Why have you told so few people about it?
        What were your instructions for the attack?
        Must a soldier always obey the commands he is given?
        What does courage mean to you, after that morning?
        What would you say to someone who calls you a hero?
        How much of war is chance, in your experience?
        Have you ever been able to forget all the rules you were taught?
        From now on everything was different, wasn't it?
        As an officer's son, how did you see the men who gave the orders?
        What did you see out there that you could not step over?
        Was it pity that made you stop, or something else?
        Looking at the medal now, whom do you think of?""",
    ),
    (
        "en",
        """People ask me how we came to write the first compiler on a machine with four
        kilobytes of memory. The answer is that nobody had told us it could not be done. I would
        type a program at night, feed the tape in, and watch the system halt with a dump of
        zeros. Grace used to say that the user is always right and the machine is always honest,
        and that our job was to introduce them to each other. We registered the domain lisp.com
        much later, when somebody told us that names would be worth money one day. We let it
        lapse. The C compiler, the shell, grep, all that came out of the same stubbornness.""",
        """How did you manage to write a compiler in so little memory?
        What did Grace teach you about users and machines?
        Why did you let lisp.com go?
        What was it like to work with four kilobytes?
        What did the machine teach you about honesty?
        When the system halted, what did you do first?
        Was there ever a night when you wanted to give up?
        What was wrong with the system: its memory, or its makers?
        How do you explain the stubbornness of those early programmers?
        What made you believe it could be done, when others did not?
        Why did you write grep in the first place?
        What do you say to young people who learn C++ or C# today?
        How did a program get into the machine in those days?
        What would you have done with the domain if you had kept it?
        Do you miss the tapes, the dumps and the zeros?
        What does an error message mean to you, after fifty years?
        Was the user really always right?
        How did you feel about names being worth money?
        What does AI have in common with what you were doing then?
        Would you write it all again, line by line?""",
    ),
    (
        "en",
        """The secret of a stock is that you leave it alone. My first chef, Monsieur Perrin,
        threw a ladle at me for stirring. He was right. You take the bones, you take cold water,
        never hot, and you wait. A kitchen teaches you two things that do not go together: speed
        and patience. Most young cooks have the first and think the second is laziness. I burned
        my hands every week until I was thirty. I cannot look at a copper pan now without
        smelling the rue des Martyrs at six in the morning, the bread, the drains and the
        coffee.""",
        """What did Monsieur Perrin teach you about patience?
        Why do speed and patience not go together in a kitchen?
        What is the hardest thing to teach a young cook?
        What takes you back to the rue des Martyrs?
        How did it feel to be twenty and always burned?
        What is your secret for a good stock?
        Was he a cruel man, your first chef, or a good teacher?
        What do you smell when you think of those mornings in Paris?
        Which mistakes do you see young cooks make again and again?
        How would you describe your apprenticeship to someone who never cooked?
        What would you do differently with the apprentices of today?
        What did the kitchen take from you, and what did it give?
        Do you ever long for that time?
        What is it about copper pans that moves you?
        How important is waiting, in cooking and elsewhere?
        Can one learn patience, or must one be born with it?
        What does "leave it alone" mean to a cook?
        When did you know that you would stay in the kitchen for good?
        What was the first lesson that hurt?
        Why does a cook need cold water and time?""",
    ),
    (
        "en",
        """You ask, my dear Eliza, whether I am happy here. I am busy, which in this house
        passes for the same thing. The Governor dines at four and everybody pretends to be
        hungry. I have planted the roses that you sent; two have taken and one sulks. As to the
        question of the assembly, I spoke against the bill, and was applauded by those who then
        voted for it. I confess that I lay awake. Not from anger; I find I can no longer manage
        anger after ten o'clock. I thought of the passage from Dublin, and of your hat going
        overboard, and how you laughed.""",
        """Are you happy in your new life?
        What became of the roses?
        How did the assembly receive your speech against the bill?
        What keeps you awake at night these days?
        What do you remember of the passage from Dublin?
        How do you bear the company at the Governor's table?
        Why did they applaud you and then vote for it all the same?
        What do you think of when you cannot sleep?
        Is being busy the same as being happy, my friend?
        Do you still get as angry as you used to?
        Tell me, how do you fare among those people?
        What would you have me know of your days there?
        How goes the garden, and how goes the assembly?
        What makes you think of Eliza at such an hour?
        Has politics made you bitter, or only tired?
        Who in that house can you talk to?
        What did you hope to achieve with your speech?
        How does one keep a good temper in public life?
        When you lie awake, is it regret or homesickness?
        What was it about our crossing that you cannot forget?""",
    ),
    (
        "en",
        """In the city of Orrin nobody owns a door. The doors belong to the Guild, and are hung
        anew each spring by apprentices in grey who are not allowed to speak. If your door is
        hung on the left you will have visitors that year, and if it is hung on the right you
        had better make your peace. Maelis had her door on the right three years running, and
        grew very fond of her own company. In the fourth year they hung no door at all. She
        stood in the gap with a candle, and for the first time in her life she was looked at.""",
        """Who owns the doors in Orrin?
        What happened to Maelis in the fourth year?
        How did Maelis bear her years alone?
        What does it mean when a door is hung on the right?
        Why are the apprentices of the Guild not allowed to speak?
        What is it like to live in a city where nobody owns a door?
        What did it do to Maelis to be seen at last?
        Is there any way to know beforehand how one's door will hang?
        What happens in Orrin each spring?
        Who was Maelis before all this?
        How does the Guild rule the lives of people?
        What was taken from Maelis, and what was given to her?
        Was Maelis afraid as she stood there with her candle?
        What do strangers find hardest to understand about Orrin?
        Do people there believe in the doors, or only fear them?
        How came Maelis to be without a door?""",
    ),
    (
        "en",
        """Out with it, then! You stand there dripping on my floor like the last rat off the
        boat and tell me the ship is gone. Gone! I had my daughter's dowry in that ship, and
        forty bales of Flanders cloth, and a parrot promised to the Bishop. No, do not kneel. I
        have no use for a man on his knees; he cannot carry anything. Tell me who lives. Tell me
        that first, and then I shall see whether I am ruined or only poor.""",
        """(trembling) What will you do with me now that the ship is lost?
        (fearful) Master, how much did you have aboard?
        (gently) Father, what is it that you want to know first?
        (half laughing) Is it the parrot you mourn, or the cloth?
        [bitter] Do you care for nothing but your bales?
        (on his knees) Can you ever forgive me, sir?
        (coldly) And if everybody has drowned, what then?
        (weeping) What have we lost, father?
        (angry) Why must you shout at a man who has nearly drowned?
        (whispering) Are we ruined?
        (with scorn) What good is a daughter's dowry at the bottom of the sea?
        (out of breath) Shall I begin with the living or with the dead?
        (wearily) What would you hear first, my lord?""",
    ),
    (
        "en",
        """To bleed the radiator, first switch the pump off and wait until the water is cold.
        Put the key on the valve at the upper end, hold a cloth under it and turn it a quarter
        to the left. It hisses while air comes out; as soon as water comes, close it again. If
        no air and no water come, the valve is stuck with paint: do not force it, but see
        section 4.2. When all radiators are done, from the lowest floor to the highest, check
        the pressure at the boiler and top it up to 1.5 bar. The environment variable
        HEAT_LOG=/var/log/heat.log turns the log of the control unit on.""",
        """How do I bleed a radiator?
        What can I do when the valve of a radiator is stuck?
        In which order should the radiators of a house be bled?
        Why does the pump have to be off before I begin?
        How can I tell that all the air is out?
        What should I check at the boiler afterwards?
        My radiator stays cold at the top; what should I do?
        How do I turn the log of the control unit on?
        What does HEAT_LOG do?
        What do I need at hand to bleed my heating?
        What is the danger in forcing a valve?
        Is it normal that the valve hisses when I open it?
        Where does the control unit write its log?
        What if neither air nor water comes out?""",
    ),
    (
        "en",
        """The Vellmar K40 is a loudspeaker that flatters nobody. Its treble is honest to the
        point of rudeness: badly made recordings sound badly made. In the bass it reaches 38 Hz,
        which is remarkable for a cabinet of nine litres, and it does so without the one-note
        boom of its rivals. We drove it with 50 watts and never felt we needed more. The grille
        is held by magnets and falls off if you look at it. At 640 euros a pair it costs a third
        more than the Aria 3, and for most living rooms the Aria is enough. Buy the K40 if you
        listen; buy the Aria if you have guests.""",
        """Is the Vellmar K40 worth its price?
        How does the K40 compare with the Aria 3?
        How deep does the bass of the K40 go?
        What kind of amplifier does the K40 need?
        Whom would you advise against the K40?
        How does it treat bad recordings?
        What annoyed you about the K40 in daily use?
        Which of the two would you put in a living room?
        What surprised you most about such a small cabinet?
        Does the K40 sound as good as it looks?
        Would a cheaper loudspeaker do for most people?
        What should one listen for before buying the K40?
        What is the sound of the K40 like – warm, neutral, bright?""",
    ),
    (
        "en",
        """The heron's wake is a custom of the lower Marne villages by which a household that
        has lost a child sets an empty boat upon the water on the eve of St. John. The earliest
        mention is in a bishop's complaint of 1412. The boat carries bread and a lit lamp, and
        no one may follow it with the eyes past the second bend. Scholars have taken it for a
        relic of a river cult, for a corruption of the feast of the drowned, and, less probably,
        for a tax on fishermen. It died out with the coming of the locks, and was taken up again
        in 1974 by schoolteachers.""",
        """What is the heron's wake?
        How old is the custom of the heron's wake?
        What do scholars make of the heron's wake?
        Why did the custom die out?
        How did the heron's wake come back to life?
        What did a household on the lower Marne do when a child had died?
        Why was a boat with bread and a lamp set upon the river?
        What must those who take part in it not do?
        Which explanation of the custom is the least likely?
        Where does our knowledge of the custom come from?
        What had St. John's Eve to do with grief in these villages?""",
    ),
    (
        "en",
        """I did not become a doctor to save people. I became a doctor because Dr. A. J. Mbeki
        of Kisumu had a motorcycle. He came on Tuesdays, in goggles, white with dust, and he
        would let me hold the stethoscope while he drank my grandmother's tea. "What do you
        hear?" he asked. I said: a horse. He wrote it down. Forty years later, at a congress in
        Lyon, e.g. in the corridors where the real science is done, I told that to a professor
        from the U.S., and he asked what had become of the horse. I said it was still running,
        i.e. I was.""",
        """What made you become a doctor?
        Who was Dr. A. J. Mbeki to you?
        What did you hear when Dr. Mbeki let you hold the stethoscope?
        Do people smile when you tell them why you studied medicine?
        What did he see in you that others did not?
        You told a professor in Lyon about it. How did he take it?
        How much of a vocation is vanity, and how much is love?
        What would you say to Dr. Mbeki today?
        What did Tuesdays mean to you as a child?
        Why did he write down what a child said?
        When someone asks "Why medicine?", what do you answer?
        What has become of the horse?
        Were you really not out to save people?
        How does a motorcycle change a boy's life?
        What do you mean when you say that the real science is done in corridors?
        What is it that still drives you?""",
    ),
    (
        "de",
        """Als ich nach Wien kam, hatte ich zwei Koffer und eine Adresse, und die Adresse
        stimmte nicht. Ich saß auf der Treppe eines Hauses im neunten Bezirk und lernte in einer
        Stunde mehr über diese Stadt als später in zehn Jahren: Drei Menschen stiegen über mich
        hinweg, der vierte fragte, ob ich einen Arzt brauche, und die fünfte, eine Frau Hofrat
        Lehner, nahm mich mit hinauf und gab mir Suppe. Sie fragte nichts. Erst als ich ging,
        sagte sie: Sie kommen morgen wieder, junger Mann, die Suppe reicht für drei Tage.""",
        """Wie haben Sie Ihre Ankunft in Wien erlebt?
        Was hat Ihnen die Frau Hofrat Lehner bedeutet?
        Was haben Sie in jener ersten Stunde über die Stadt gelernt?
        Warum, glauben Sie, hat sie Ihnen keine Fragen gestellt?
        Was empfanden Sie, als Sie allein auf der Treppe saßen?
        Woran denken Sie, wenn Sie heute an Wien denken?
        Gab es einen Menschen, der Ihnen den Anfang leichter gemacht hat?
        Wie sind die Wiener zu Fremden?
        Hatten Sie damals Angst, dass Sie wieder umkehren müssen?
        Was hat Sie an diesem ersten Tag am meisten überrascht?
        Sind Sie am nächsten Tag tatsächlich wiedergekommen?
        Ignorierten Sie die Ratschläge Ihrer Freunde, als Sie nach Wien gingen?
        Herr Dr. Adler, wie fängt man in einer fremden Stadt an?
        Was würden Sie der Frau Hofrat heute gern sagen?""",
    ),
    (
        "fr",
        """Ma grand-mère ne savait pas lire, mais elle tenait le journal à l'endroit. Le
        dimanche, elle s'asseyait près de la fenêtre, dépliait la feuille, et restait là une
        heure, grave, comme à la messe. J'avais six ans et je venais d'apprendre mes lettres. Un
        jour je lui ai lu le titre à voix haute. Elle a replié le journal, elle l'a posé sur ses
        genoux, et elle m'a dit que désormais c'était mon tour. Je n'ai compris que bien plus
        tard ce que je lui avais pris ce matin-là.""",
        """Que représentait votre grand-mère pour vous ?
        Qu'avez-vous compris plus tard de ce dimanche-là ?
        Comment avez-vous appris à lire ?
        Aviez-vous conscience de lui prendre quelque chose ?
        Pourquoi votre grand-mère tenait-elle tant à ce moment du dimanche ?
        Quel souvenir gardez-vous de votre enfance auprès d'elle ?
        Qu'est-ce que la lecture a changé entre vous deux ?
        D'où vous vient votre goût des mots ?
        Éprouvez-vous encore du remords quand vous y pensez ?
        Que diriez-vous aujourd'hui à cette femme qui ne savait pas lire ?
        Comment a-t-elle réagi quand vous avez lu pour la première fois devant elle ?
        Y a-t-il un geste de votre enfance que vous regrettez ?""",
    ),
    (
        "es",
        """El mar, en mi pueblo, era cosa de los demás. Los hombres salían de noche y volvían
        con el sueño puesto, y a nosotros, los hijos del maestro, nos estaba prohibido pisar la
        lonja. Por eso la pisábamos. Allí aprendí las palabras que mi padre tachaba en los
        cuadernos y allí vi por primera vez a un hombre llorar: Anselmo, el de la barca azul,
        delante de una merluza, porque su hermano la habría vendido mejor. El hermano llevaba un
        mes en el fondo.""",
        """¿Qué significaba el mar para usted de niño?
        ¿Por qué les estaba prohibida la lonja?
        ¿Cuándo vio llorar a un hombre por primera vez?
        ¿Qué aprendió usted en la lonja que no enseñaban en la escuela?
        ¿Quién era Anselmo?
        ¿Cómo era su padre, el maestro?
        ¿Qué recuerda de los hombres de su pueblo?
        Dígame, ¿qué le enseñó la pena de Anselmo?
        ¿Se sentía usted parte del pueblo o ajeno a él?
        ¿De dónde le viene el gusto por las palabras prohibidas?
        ¿Qué olvidó usted de las reglas de su casa al pisar aquel lugar?""",
    ),
    (
        "it",
        """Di mio zio Ettore si diceva che avesse due mogli, e lui non smentiva, perché gli
        conveniva che lo credessero. In realtà aveva un orto. Partiva il venerdì con la camicia
        stirata e tornava la domenica con le unghie nere, e la zia, che sapeva tutto, gli
        preparava l'acqua calda e taceva. Quando morì trovammo nella giacca i semi di pomodoro,
        divisi per anno, in bustine di carta velina. La zia li piantò sul balcone. Disse che
        almeno così l'altra la vedeva anche lei.""",
        """Chi era davvero suo zio Ettore?
        Che cosa nascondeva lo zio a tutta la famiglia?
        Perché la zia non disse mai nulla?
        Come avete scoperto la verità dopo la sua morte?
        Che cosa le ha insegnato il silenzio della zia?
        Com'era il matrimonio dei suoi zii?
        Che ricordo ha delle domeniche in quella casa?
        Perché a suo zio conveniva che la gente credesse altro?
        Qual è il segreto più bello della sua famiglia?
        Che cosa ha provato quando ha visto quelle bustine?""",
    ),
    (
        "nl",
        """In de winter van zevenenveertig vroor de vaart dicht en liep mijn vader in een halve
        dag naar Leeuwarden om een kalf te verkopen. Hij kwam terug met het kalf. Niemand had
        geld, zei hij, maar ik had op de kade gestaan en gezien dat hij het touw losser hield
        dan op de heenweg. Dat kalf is bij ons oud geworden. Het heette Leeuwarden. Mijn moeder
        heeft er nooit iets van gezegd, behalve dat een man die niet kan verkopen beter geen
        boer kan worden.""",
        """Waarom kwam uw vader met het kalf terug?
        Wat zegt dit verhaal over uw vader?
        Hoe herinnert u zich de winter van 1947?
        Wat vond uw moeder ervan?
        Wat hebt u op de kade gezien?
        Was uw vader volgens u een goede boer?
        Hoe kwam het kalf aan zijn naam?
        Wat betekende dat dier voor het gezin?
        Bent u zelf ooit te zacht geweest voor uw werk?""",
    ),
    (
        "pt",
        """Cheguei a Lisboa com dezassete anos e um chapéu emprestado. A pensão ficava na Rua
        dos Douradores, por cima de um homem que consertava relógios e que não sabia as horas. À
        noite ouvia-o falar com eles, baixinho, como quem adormece crianças. Perguntei-lhe um
        dia porque não lhes dava corda. Respondeu-me que os relógios parados eram os únicos que
        estavam certos duas vezes por dia, e que na idade dele isso já era muito.""",
        """Como foi a sua chegada a Lisboa?
        Quem era o homem dos relógios?
        O que aprendeu com o relojoeiro?
        Que recordações guarda da pensão onde viveu?
        Sentia-se sozinho nesses primeiros tempos?
        Por que razão ele deixava os relógios parados?
        O que lhe ensinou aquele vizinho sobre o tempo?
        Que esperava da vida quando tinha dezassete anos?
        Como eram as noites nessa casa?""",
    ),
    (
        "zh",
        """我第一次见到大海是在一九五二年的冬天。父亲把我从火车站一直背到码头，路上一句话也没有说。
        我以为海是蓝的，课本上是蓝的，可是那天的海像洗过很多次的旧军装。父亲问我怕不怕，我说不怕。
        其实我怕的不是海，我怕他把我放下来，因为我知道船只等他一个人。后来我在海边住了四十年，
        每次起雾，我都还会伸出手去，摸一摸那个已经不在的肩膀。""",
        """您第一次见到大海时是什么感觉？
        父亲离开的那一天，您心里最害怕的是什么？
        您为什么后来在海边住了那么久？
        起雾的时候，您会想起什么？
        您现在怎么看父亲当年的沉默？
        那个冬天对您意味着什么？
        您想对父亲说些什么呢？
        您还记得他背您走的那段路吗""",
    ),
    (
        "ja",
        """祖母は漬物の石を、死んだ夫の名前で呼んでいた。子どものころ、私はそれが当たり前だと思って
        いた。朝になると祖母は石に向かって天気の話をし、樽の水が上がっていれば「機嫌がいい」と言った。
        戦争が終わって六年たち、祖父の名前が書かれた木の箱が届いたとき、中には石が一つ入っているだけ
        だった。祖母はそれをよく洗って、古い石のとなりに置いた。""",
        """おばあさまにとって、その石は何だったのでしょうか。
        木の箱が届いた日のことを、どう覚えていらっしゃいますか？
        おじいさまのことを、家ではどう話していましたか？
        子どものころ、不思議だとは思わなかったのですか？
        おばあさまから何を受け継いだと感じますか？
        戦争はご家族に何を残しましたか？""",
    ),
    (
        "ru",
        """В нашем дворе был один велосипед на всех, и принадлежал он Лёве Гринбергу, который не
        умел ездить. Лёва сдавал его за марки. Я отдал ему Мадагаскар и Сан-Марино и объехал
        вокруг котельной семь раз, и до сих пор думаю, что дёшево. Когда они уезжали, он вынес
        велосипед и поставил у нашей двери, ничего не сказав. Марки лежали в сумочке под седлом,
        все до одной.""",
        """Кем был для вас Лёва Гринберг?
        Что вы почувствовали, когда нашли марки?
        Каким было ваше детство во дворе?
        Почему вы до сих пор думаете, что заплатили дёшево?
        Как вы узнали, что они уезжают?
        Чему научил вас этот мальчик?
        Что значил для вас велосипед?""",
    ),
    (
        "sv",
        """Min far var fyrvaktare på Ölands norra udde och talade med ljuset som andra talar med
        sin hund. Om dimman kom in på eftermiddagen stängde han skolboken för mig och sade att
        nu fick kungarna vänta. Vi satt uppe hela natten. Jag lärde mig läsa klockan efter
        mistluren. När fyren automatiserades fick han en medalj och en cykel. Cykeln målade han
        röd och vit.""",
        """Hur var det att växa upp vid en fyr?
        Vad betydde ljuset för din far?
        Vad minns du av nätterna när dimman kom?
        Hur tog din far det när fyren automatiserades?
        Vad lärde du dig där som ingen skola kunde ge dig?""",
    ),
    (
        "en",
        """I sold my first book out of the back of a Ford in a parking lot behind a Kmart.
        Amazon.com did not exist, and if you wanted to write to me, you wrote to a P.O. box in
        Tulsa. I had a stack of three hundred copies and a sign that said LOCAL AUTHOR, and a
        woman asked me if the author would be along soon. I said he was at lunch. She bought
        two. The first paragraph of that book has a mistake in it, and I have never corrected
        it, since it is the only thing in there that readers ask about.""",
        """How did you sell your first book?
        What did you say when a woman asked for the author?
        Why have you never corrected the mistake in the first paragraph?
        What was it like to be a local author before Amazon.com?
        How did readers find you in those days?
        Were you embarrassed to stand there with your sign?
        What do you tell young writers who want to be read?
        Who is the author of your favorite book?
        When did you become the author of your own life, so to speak?
        Did you ever think of giving up?
        What is it about mistakes that people love?
        What did that parking lot teach you about readers?""",
    ),
    (
        "en",
        """The house had a passage from the kitchen to the stables, so low that my brother,
        who was tall at twelve, went through it bowing like a curate. We were forbidden to
        use it, so all of our childhood took place there. We kept a jar of wasps, a text
        from Ecclesiastes, and a photograph of a narrator from the magic lantern show whom
        we took for a saint. When the house was sold the new people had it bricked up. I
        went back once, at seventy, and knocked on the wall, and I will swear to you that
        somebody knocked back.""",
        """What happened in the passage when you were children?
        Why did the passage mean so much to you and your brother?
        What did you feel when the new owners bricked it up?
        What made you go back to the house at seventy?
        Was the text from Ecclesiastes a joke, or did you mean it?
        Who was the narrator that you took for a saint?
        Do you believe that somebody knocked back?
        What was it about forbidden places that drew you?
        What became of your brother?
        With the passage of time, has the house grown smaller in your mind?
        What would I have found in your hiding place?
        If those walls could talk, what would they say about you?""",
    ),
]


def questions() -> list[tuple[str, str, str]]:
    """Language, passage and question of each, the lines of a passage joined."""
    return [
        (language, " ".join(passage.split()), question.strip())
        for language, passage, asked in GOOD
        for question in asked.splitlines()
    ]
